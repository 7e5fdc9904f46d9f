"""What a plot shows, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Bar", "Bars", "Chart", "Curve", "Curves", "Kind", "Point", "Trace", "Traces"]

Kind = Literal["paper", "full", "changed"]


@dataclass(frozen=True)
class Point:
    """A mean and its standard deviation, which is None for one value; `at`: where it stands on the x axis."""

    mean: float
    deviation: float | None = None
    at: float = 0.0


@dataclass(frozen=True)
class Bar:
    """A bar: the paper's, one measured at full size, or one measured with changes.

    Attributes:
        kind: one of these three.
        point: its length and error bar; None: not run.
        label: whose it is.
        text: its number in words.
    """

    kind: Kind
    point: Point | None
    label: str
    text: str


@dataclass(frozen=True)
class Bars:
    """Bars in groups, one group for each row of a table, in its order.

    Attributes:
        title: with the unit.
        groups: heading (empty: none) and bars.
        zero: the axis begins at 0; otherwise near the smallest value, and dots stand for the bars.
    """

    title: str
    groups: tuple[tuple[str, tuple[Bar, ...]], ...]
    zero: bool = True


@dataclass(frozen=True)
class Curve:
    """Points joined by a line."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Curves:
    """Curves over the layers of a network."""

    title: str
    x: str
    y: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Trace:
    """Values in the course of a training, joined by a line.

    Attributes:
        label: whose they are.
        points: (x, value), finite, x ascending.
        style: number of its colour and dashes, which it keeps in every chart of a page.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    style: int = 0


@dataclass(frozen=True)
class Traces:
    """Traces over one axis.

    Attributes:
        title: with the unit.
        x: what the axis counts.
        traces: those without points are left out.
        log: the values' axis is logarithmic, where all of them are above 0.
        zero: the values' axis begins at 0.
    """

    title: str
    x: str
    traces: tuple[Trace, ...]
    log: bool = False
    zero: bool = False


Chart = Bars | Curves | Traces
