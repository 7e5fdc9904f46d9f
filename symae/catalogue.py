"""What `symae recipes` lists: own data first, then every table and figure of the paper with what it takes to run it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from symae.recipes import OWN_DATA, TABLES, Recipe, Table, find_table

__all__ = ["COLUMNS", "Section", "catalogue"]

COLUMNS = ("recipe", "what it trains", "data", "paper", "GFLOP an image")


@dataclass(frozen=True)
class Section:
    """Some recipes that belong together.

    Attributes:
        title: one line.
        rows: a text for each of `COLUMNS`, recipe by recipe; pre-trainings before the rows that start from them.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]


def catalogue(name: str | None = None) -> Iterator[Section]:
    """List what can be trained.

    Args:
        name: of the only table to list; None: everything.

    Raises:
        RecipeError: there is no table of that name.
    """
    if name is None:
        yield Section("Your own data, and what is built in", _rows(OWN_DATA))
    for table in TABLES.values() if name is None else (find_table(name),):
        yield Section(_title(table), _rows((*table.pretraining, *table.rows)))


def _title(table: Table) -> str:
    instead = f", in place of {table.instead_of}" if table.instead_of else ""
    return f"{table.name}{instead}: {table.title}\nneeds {table.needs}"


def _rows(recipes: Iterable[Recipe]) -> tuple[tuple[str, ...], ...]:
    once = {recipe.name: recipe for recipe in recipes}
    return tuple((r.name, r.summary, r.data, _paper(r), f"{_cost(r):.2f}") for r in once.values())


def _paper(recipe: Recipe) -> str:
    """What the paper reports, by source: "table 5, row 2: 73.04, 79.04, 70.77"."""
    values: dict[str, list[str]] = {}
    for reported in recipe.reported:
        known = values.setdefault(reported.source, [])
        if reported.value is not None:
            known.append(f"{reported.value:.2f}" + ("" if reported.spread is None else f" ± {reported.spread:.2f}"))
    return "; ".join(f"{source}: {', '.join(known)}" if known else source for source, known in values.items())


def _cost(recipe: Recipe) -> float:
    """GFLOP of an image's forward pass; training takes three times as much."""
    return recipe.network.flops(recipe.crop, recipe.crop, decoder=recipe.stage != "classify") / 1e9
