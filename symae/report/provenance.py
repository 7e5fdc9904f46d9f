"""Where measured numbers come from, a line for each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from symae.recipes import Recipe
from symae.report import commands
from symae.report.collect import Group
from symae.report.commands import How
from symae.report.section import Provenance
from symae.report.words import changed
from symae.results import Result

__all__ = ["provenance", "repeats"]


def provenance(
    groups: Iterable[Group], counted: Callable[[str], bool], recipes: Mapping[str, Recipe], how: How = "evaluate"
) -> tuple[Provenance, ...]:
    """List the runs of groups.

    Args:
        groups: in the order of the section.
        counted: whether a metric of that name belongs to the section; runs without any are left out.
        recipes: by name.
        how: the command that measured them.
    """
    return tuple(
        _line(group, run, values, commands.reproduce(run, recipes, how))
        for group in groups
        for run in group.runs
        if (values := {name: value for name, value in run.values.items() if counted(name)})
    )


def repeats(
    groups: Iterable[Group], counted: Callable[[str], bool], recipes: Mapping[str, Recipe], how: How = "evaluate"
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The commands of one run of each group that departs from its recipe, with a title that says how.

    It is the first that has a metric that is `counted`.
    """
    for group in groups:
        first = next((run for run in group.runs if any(map(counted, run.values))), None)
        if first is None or group.full or group.recipe not in recipes:
            continue
        images = "" if first.data.isidentifier() else f"; on {first.data}"  # what no command can name
        yield f"{group.recipe}: {changed(group)}; seed {first.seed}{images}", commands.reproduce(first, recipes, how)


def _line(group: Group, run: Result, values: Mapping[str, float], repeat: tuple[str, ...]) -> Provenance:
    return Provenance(
        what=group.recipe if group.full else f"{group.recipe}: {changed(group)}",
        values=", ".join(f"{name} {_number(value)}" for name, value in values.items()),
        result=run,
        commands=repeat,
    )


def _number(value: float) -> str:
    return f"{value:.2g}" if 0 < abs(value) < 0.01 else f"{value:.2f}"
