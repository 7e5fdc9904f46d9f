"""Targets held against what was measured: one line each, a table of them, a record of the run."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve.bench.report import circumstances
from symae.run import commit

__all__ = ["Line", "record", "table"]


@dataclass(frozen=True)
class Line:
    """One target.

    Attributes:
        key: short name.
        what: in words, with the unit.
        target: least or most.
        least: the measured value may not be below the target; else not above.
        value: what was measured.
        note: what else is to be known.
    """

    key: str
    what: str
    target: float
    least: bool
    value: float
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return bool(self.value >= self.target if self.least else self.value <= self.target)


def table(lines: list[Line]) -> list[str]:
    """Target, measured and verdict of each line, in columns."""
    rows = [("", "target", "measured", "", "")]
    for line in lines:
        target = f"{'>=' if line.least else '<='} {line.target:g}"
        rows.append((line.what, target, f"{line.value:.3g}", "met" if line.met else "MISSED", line.note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def record(file: Path, lines: list[Line], effort: dict[str, Any], seconds: float) -> None:
    """Append a run to a file of JSON lines: where, when, at which commit and with what effort it was made."""
    figures = {line.key: {**dataclasses.asdict(line), "met": line.met} for line in lines}
    entry = {**circumstances(), "commit": commit(), "effort": effort, "took": round(seconds), "figures": figures}
    with file.open("a") as runs:
        runs.write(json.dumps(entry) + "\n")
