"""A table or bar chart of the paper beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from symae.recipes import Recipe, Reported, Table
from symae.report import commands, restoration, words
from symae.report.chart import Bar, Bars, Point
from symae.report.collect import Group, Statistic
from symae.report.probes import is_probe
from symae.report.provenance import provenance, repeats
from symae.report.section import Column, Row, Section, told_once

__all__ = ["table_section"]

COLUMNS = (
    Column("recipe"),
    Column("what"),
    Column("paper", number=True),
    Column("measured", number=True),
    Column("n", number=True),
    Column("paper − measured", number=True),
    Column("measured on"),
)


@dataclass(frozen=True)
class _Entry:
    """One number of the paper: its recipe and metric, and the groups that measured it."""

    recipe: Recipe
    metric: str
    reported: Reported | None
    groups: tuple[Group, ...]

    @property
    def value(self) -> float | None:
        return None if self.reported is None else self.reported.value

    def at(self, *, full: bool) -> list[tuple[Group, Statistic]]:
        """The groups at full size, or the others, each with its statistic."""
        found = [(group, group.statistic(self.metric)) for group in self.groups if group.full == full]
        return [(group, statistic) for group, statistic in found if statistic is not None]

    def changed(self) -> list[tuple[Group, Statistic, str]]:
        """The groups that depart from the recipe, each with its statistic and in what it departs."""
        return [(group, statistic, words.changed(group)) for group, statistic in self.at(full=False)]


def table_section(
    table: Table, tables: Mapping[str, Table], groups: Sequence[Group], recipes: Mapping[str, Recipe]
) -> Section:
    """Set a table beside its measurements.

    Args:
        table: to be shown; none of its rows is left out.
        tables: all, by name; this one may stand in for another, or another for this.
        groups: of all results.
        recipes: by name.
    """
    entries = [entry for recipe in table.rows for entry in _entries(recipe, groups)]
    before = [entry for recipe in table.pretraining for entry in _entries(recipe, groups)]
    metrics = tuple(dict.fromkeys(entry.metric for entry in entries))
    own = [group for recipe in (*table.pretraining, *table.rows) for group in groups if group.recipe == recipe.name]
    return Section(
        name=table.name,
        title=words.titled(table.title, metrics),
        notes=tuple(_notes(table, tables)),
        columns=COLUMNS,
        rows=(
            *told_once(row for entry in entries for row in _rows(entry, table.needs, alone=len(metrics) == 1)),
            *(row for entry in before for row in _pretraining(entry)),
        ),
        commands=commands.script(part for entry in entries for part in _scripts(entry, recipes)),
        charts=tuple(_chart(metric, [entry for entry in entries if entry.metric == metric]) for metric in metrics),
        runs=provenance(own, _belongs, recipes),
        decided=_decided(table),
        beyond=table.beyond,
    )


def _entries(recipe: Recipe, groups: Sequence[Group]) -> Iterator[_Entry]:
    reported: dict[str, Reported | None] = {each.metric: each for each in recipe.reported}
    reported = reported or {recipe.main_metric: None}
    for metric, number in reported.items():
        own = (group for group in groups if group.recipe == recipe.name and group.statistic(metric) is not None)
        yield _Entry(recipe, metric, number, tuple(own))


def _rows(entry: _Entry, needs: str, *, alone: bool) -> Iterator[Row]:
    """The paper's row, measured as it stands or not run; then what was measured with changes, a line each."""
    what = entry.recipe.summary if alone else f"{entry.recipe.summary}: {words.metric_words(entry.metric)}"
    what += f" ({entry.reported.source})" if entry.reported else ""
    head = (entry.recipe.name, what, words.paper(entry.reported))
    full = entry.at(full=True)
    for group, statistic in full:
        yield Row((*head, *_numbers(entry, group, statistic)), "full")
        head = ("", "", "")
    if not full:
        yield Row((*head, *[words.NONE] * 3, f"not run: needs {needs or entry.recipe.data}"), "missing")
    for group, statistic, told in entry.changed():
        yield Row(("", told, "", *_numbers(entry, group, statistic)), "changed")


def _pretraining(entry: _Entry) -> Iterator[Row]:
    """What was measured of a recipe that the rows start from; the paper has no such row."""
    what = f"pre-training: {words.metric_words(entry.metric)}"
    full = [(group, statistic, what) for group, statistic in entry.at(full=True)]
    for group, statistic, told in (*full, *((*each[:2], f"{what}; {each[2]}") for each in entry.changed())):
        yield Row((entry.recipe.name, told, words.NONE, *_numbers(entry, group, statistic)), "other")


def _numbers(entry: _Entry, group: Group, statistic: Statistic) -> tuple[str, ...]:
    gap = words.difference(entry.value, statistic)
    return words.measured(statistic), str(statistic.n), gap, words.origin(group, entry.metric)


def _chart(metric: str, entries: Sequence[_Entry]) -> Bars:
    return Bars(
        title=words.metric_words(metric),
        groups=tuple((f"{entry.recipe.name}: {entry.recipe.summary}", tuple(_bars(entry))) for entry in entries),
        zero="psnr" not in metric,
    )


def _bars(entry: _Entry) -> Iterator[Bar]:
    if entry.reported is not None and entry.reported.value is not None:
        yield Bar("paper", Point(entry.reported.value, entry.reported.spread), "paper", words.paper(entry.reported))
    full = entry.at(full=True)
    for group, statistic in full:
        yield _bar(group, statistic, f"measured on {group.data}")
    if not full:
        yield Bar("full", None, "measured", "not run")
    for group, statistic, told in entry.changed():
        yield _bar(group, statistic, told)


def _bar(group: Group, statistic: Statistic, told: str) -> Bar:
    point = Point(statistic.mean, statistic.deviation)
    return Bar(group.kind, point, told, f"{words.measured(statistic)} (n = {statistic.n})")


def _scripts(entry: _Entry, recipes: Mapping[str, Recipe]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The commands of a row as it stands, and of each way in which it was measured with changes."""
    yield entry.recipe.name, commands.run(entry.recipe, recipes)
    yield from repeats((group for group, _ in entry.at(full=False)), lambda metric: metric == entry.metric, recipes)


def _notes(table: Table, tables: Mapping[str, Table]) -> Iterator[str]:
    if table.beyond:
        yield "Beyond the paper: not to be mixed with its rows."
    if table.instead_of:
        yield f"Stands in for {table.instead_of}, on data that a laptop has; the paper's numbers are on other data."
    stand_ins = [other.name for other in tables.values() if other.instead_of == table.name]
    if stand_ins:
        yield f"On data that a laptop has: {', '.join(stand_ins)}."


def _decided(table: Table) -> tuple[str, ...]:
    """Deviations and gaps of all recipes, each once."""
    recipes = (*table.pretraining, *table.rows)
    deviations = dict.fromkeys(f"deviation: {line}" for recipe in recipes for line in recipe.deviations)
    return *deviations, *dict.fromkeys(f"not stated: {line}" for recipe in recipes for line in recipe.not_stated)


def _belongs(metric: str) -> bool:
    return not is_probe(metric) and not restoration.belongs(metric)
