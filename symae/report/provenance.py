"""Where measured numbers come from, a line for each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from symae.recipes import Recipe
from symae.report import commands
from symae.report.collect import Group
from symae.report.section import Provenance
from symae.report.words import changed
from symae.results import Result

__all__ = ["provenance"]


def provenance(
    groups: Iterable[Group], counted: Callable[[str], bool], recipes: Mapping[str, Recipe]
) -> tuple[Provenance, ...]:
    """List the runs of groups.

    Args:
        groups: in the order of the section.
        counted: whether a metric of that name belongs to the section; runs without any are left out.
        recipes: by name.
    """
    return tuple(
        _line(group, run, values, recipes)
        for group in groups
        for run in group.runs
        if (values := {name: value for name, value in run.values.items() if counted(name)})
    )


def _line(group: Group, run: Result, values: Mapping[str, float], recipes: Mapping[str, Recipe]) -> Provenance:
    return Provenance(
        what=group.recipe if group.full else f"{group.recipe}: {changed(group)}",
        values=", ".join(f"{name} {value:.2f}" for name, value in values.items()),
        result=run,
        commands=commands.reproduce(run, recipes),
    )
