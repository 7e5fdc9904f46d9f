"""metrics.csv as it can be read: a damaged or half-written line costs that line alone."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Metrics", "read_metrics"]

KNOWN = ("epoch", "step", "loss", "learning_rate", "images_per_second", "data_wait", "seconds")  # the rest is measured
BESIDE = ("certain",)  # tell how a training goes, and are neither good nor bad
NEEDED = ("epoch", "step", "loss")


@dataclass(frozen=True)
class Metrics:
    """What was noted after each epoch.

    Attributes:
        rows: name -> value, one for each epoch, ascending; a value may be no number.
        unread: lines of the file that could not be read.
    """

    rows: tuple[Mapping[str, float], ...] = ()
    unread: int = 0

    @property
    def epochs(self) -> int:
        """How many are done."""
        return int(self.rows[-1]["epoch"]) if self.rows else 0

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of what was measured on held-out images, in the order of the file."""
        return tuple(name for name in self.shown if name not in BESIDE)

    @property
    def shown(self) -> tuple[str, ...]:
        """The same with what else is worth a curve."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row if name not in KNOWN))

    def series(self, name: str) -> tuple[tuple[float, float], ...]:
        """(epoch, value) of one column, where it is a finite number."""
        return tuple((row["epoch"], row[name]) for row in self.rows if math.isfinite(row.get(name, math.nan)))

    def last(self, name: str) -> float | None:
        """The newest number of a column."""
        series = self.series(name)
        return series[-1][1] if series else None

    def best(self, name: str) -> tuple[int, float] | None:
        """Epoch and value of the highest number of a column, the first of equals."""
        series = self.series(name)
        if not series:
            return None
        epoch, value = max(series, key=lambda point: point[1])
        return int(epoch), value

    def total(self, name: str) -> float:
        """A column's sum, weighted with the seconds of each epoch where it is a rate or a share of them."""
        weights = (1.0 if name == "seconds" else row.get("seconds", 0.0) for row in self.rows)
        return sum(row[name] * weight for row, weight in zip(self.rows, weights, strict=True) if name in row)


def read_metrics(file: Path) -> Metrics:
    """Read a table of metrics; an empty one where there is none."""
    try:
        lines = file.read_text(errors="replace").replace("\0", "").splitlines(keepends=True)
    except OSError:
        return Metrics()
    read: dict[int, Mapping[str, float]] = {}
    unread = 0
    if lines and not lines[-1].endswith("\n"):  # its last number may be cut, and still be one
        lines, unread = lines[:-1], 1
    for row in csv.DictReader(lines):
        values = _numbers(row.items())
        if values is None:
            unread += 1
        else:
            read[int(values["epoch"])] = values  # an epoch that was run again counts as it was last
    return Metrics(tuple(read[epoch] for epoch in sorted(read)), unread)


def _numbers(cells: Iterable[tuple[str, str | None]]) -> dict[str, float] | None:
    """The numbers of a row; None if what each row must have is not there."""
    found: dict[str, float] = {}
    for name, text in cells:
        if not name or not isinstance(text, str) or not text:
            continue
        try:
            found[name] = float(text)
        except ValueError:
            return None
    whole = all(name in found for name in NEEDED) and math.isfinite(found["epoch"])
    return found if whole else None
