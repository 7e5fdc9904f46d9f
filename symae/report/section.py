"""What every part of a report is made of, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from symae.report.chart import Chart
from symae.results import Result

__all__ = ["Column", "Provenance", "Row", "Section", "told_once"]


@dataclass(frozen=True)
class Column:
    """A column of a section's table; numbers stand at its right."""

    title: str
    number: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a section's table.

    Attributes:
        cells: as many as there are columns.
        kind: "full": the row as it stands, measured; "missing": not run, the last cell says what it needs;
            "changed": measured in another way than it stands, beneath it; "other": beside the paper's rows.
    """

    cells: tuple[str, ...]
    kind: Literal["full", "missing", "changed", "other"]


def told_once(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Shorten what missing rows need, where the missing row above needs the same."""
    told, before = [], ""
    for row in rows:
        needs = row.cells[-1] if row.kind == "missing" else ""
        told.append(Row((*row.cells[:-1], "not run: needs the same"), row.kind) if needs and needs == before else row)
        before = needs or before
    return tuple(told)


@dataclass(frozen=True)
class Provenance:
    """One measurement: what it is of, its numbers here, all that it depends on, and the commands that repeat it."""

    what: str
    values: str
    result: Result
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A table or figure, with the paper's numbers beside the measured ones.

    Attributes:
        name: as typed after `symae report`.
        title: one line.
        notes: what a reader must know of it.
        columns, rows: the table.
        commands: that measure the rows as they stand.
        charts: its plots.
        runs: every measurement in it.
        decided: in what the recipes depart from the paper, and what it leaves open.
        beyond: its rows go beyond the paper.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    commands: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    runs: tuple[Provenance, ...] = ()
    decided: tuple[str, ...] = ()
    beyond: bool = False

    def count(self, *kinds: str) -> int:
        """Number of rows of some kinds."""
        return sum(row.kind in kinds for row in self.rows)
