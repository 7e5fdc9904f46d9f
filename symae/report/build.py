"""A report: which sections, in which order, and what of the results belongs to none of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from symae.errors import RecipeError
from symae.recipes import RECIPES, TABLES, Recipe, Table
from symae.report import parity, probes, restoration
from symae.report.collect import Group, collect
from symae.report.section import Section
from symae.report.tables import table_section
from symae.report.words import told_apart
from symae.results import Result, read_results

__all__ = ["Report", "build_report", "recorded", "section_names"]

OWN = (probes.NAME, restoration.NAME)  # sections that are more than rows with a number each
LAST = (parity.NAME,)  # of no table


@dataclass(frozen=True)
class Report:
    """Sections in order, and notes on the whole."""

    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()

    def count(self, *kinds: str) -> int:
        """Number of rows of some kinds, see `Row.kind`."""
        return sum(section.count(*kinds) for section in self.sections)


def recorded(file: Path) -> tuple[tuple[Result, ...], str]:
    """Read all results, and say so where there are none yet.

    Raises:
        DataError: a line of the file is no result.
    """
    if not file.exists():
        return (), f"{file} does not exist: every row is not run; `symae evaluate RUN --record {file}` makes it"
    return tuple(read_results(file)), ""


def build_report(results: Iterable[Result], names: Sequence[str] = (), tables: Mapping[str, Table] = TABLES) -> Report:
    """Set every table of the paper, or some, beside what was measured.

    Args:
        results: all that was recorded.
        names: of the sections; none: all.
        tables: by name.

    Raises:
        RecipeError: there is no section of a name; the nearest is named.
    """
    order = section_names(tables)
    for name in names:
        if name not in order:
            nearest = difflib.get_close_matches(name, order, n=1, cutoff=0.0)[0]
            raise RecipeError(f"unknown table {name!r}: did you mean {nearest!r}? there are {', '.join(order)}")
    rows = (recipe for table in tables.values() for recipe in (*table.pretraining, *table.rows))
    recipes = {**RECIPES, **{recipe.name: recipe for recipe in rows}}
    kept = tuple(results)
    groups = told_apart(collect(kept, recipes))
    wanted = [name for name in order if not names or name in names]
    sections = tuple(_section(name, tables, groups, recipes) for name in wanted)
    return Report(sections, () if names else _left_over(kept, sections))


def section_names(tables: Mapping[str, Table]) -> list[str]:
    """The paper's tables, each followed by its stand-ins; figure 3; restoration; what goes beyond the paper; parity."""
    plain = [table for table in tables.values() if table.name not in OWN]
    first = [table for table in plain if table.instead_of not in tables and not table.beyond]
    order = [name for table in first for name in (table.name, *_stand_ins(table.name, plain))]
    return [*order, *OWN, *(table.name for table in plain if table.name not in order), *LAST]


def _stand_ins(name: str, tables: Sequence[Table]) -> list[str]:
    return [table.name for table in tables if table.instead_of == name and not table.beyond]


def _section(name: str, tables: Mapping[str, Table], groups: Sequence[Group], recipes: Mapping[str, Recipe]) -> Section:
    if name == probes.NAME:
        return probes.figure3(tables, groups, recipes)
    if name == parity.NAME:
        return parity.parity(groups)
    if name == restoration.NAME:
        return restoration.restoration(tables, groups, recipes)
    return table_section(tables[name], tables, groups, recipes)


def _left_over(results: Sequence[Result], sections: Sequence[Section]) -> tuple[str, ...]:
    """Name the results that no section shows, so that none is lost in silence."""
    shown = {id(line.result) for section in sections for line in section.runs}
    left = [result.recipe for result in results if id(result) not in shown]
    if not left:
        return ()
    lines = "1 result belongs" if len(left) == 1 else f"{len(left)} results belong"
    return (f"{lines} to no table: {', '.join(dict.fromkeys(left))}",)
