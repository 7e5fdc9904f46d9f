"""The strokes and letters that plots are drawn with, and where their axes have ticks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from matplotlib.ticker import MaxNLocator

__all__ = [
    "DASHES",
    "MARKERS",
    "Scale",
    "cut",
    "element",
    "line",
    "log_scale",
    "log_ticks",
    "scale",
    "text",
    "tick",
    "ticks",
]

DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 2")
MARKERS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",  # circle, square, triangle, diamond, cross
    "M-4-4h8v8h-8z",
    "M0-5l5 9h-10z",
    "M0-5l5 5-5 5-5-5z",
    "M-4-2h2v-2h4v2h2v4h-2v2h-4v-2h-2z",
)
Scale = Callable[[float], float]


def ticks(low: float, high: float, most: int = 6, least_span: float = 0.1) -> list[float]:
    """Round values that hold an interval between them, about `most`."""
    locator = MaxNLocator(nbins=most, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10])
    return [float(tick) for tick in locator.tick_values(low, max(high, low + least_span))]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Values of 1, 2 and 5 times a power of ten that hold an interval above 0 between them; powers alone if many."""
    first, last = math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1  # logarithms are rounded
    for steps in ((1, 2, 5), (1, 3), (1,)):
        fine = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        inner = [value for value in fine if low < value < high]
        below, above = max(v for v in fine if v <= low), min(v for v in fine if v >= high)
        found = [below, *inner, above]
        if len(found) <= most + 1:
            return found
    return [*found[: -1 : -(-len(found) // most)], found[-1]]


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """Map [low, high] to [start, end]."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def log_scale(low: float, high: float, start: float, end: float) -> Scale:
    """Map [low, high], both above 0, to [start, end] by their logarithms."""
    straight = scale(math.log10(low), math.log10(high), start, end)
    return lambda value: straight(math.log10(value))


def tick(x: float, y: float, value: float) -> str:
    """A number below an axis."""
    return text(x, y, f"{value:g}", "middle tick")


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line of a class."""
    return f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def text(x: float, y: float, words: str, kind: str, whole: str = "") -> str:
    """One line of a class; what was cut from it is told where the pointer rests."""
    title = f"<title>{escape(whole)}</title>" if whole and whole != words else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}{title}</text>'


def cut(words: str, letters: int) -> str:
    """At most so many letters."""
    return words if len(words) <= letters else words[: letters - 1].rstrip() + "…"


def element(width: float, height: float, title: str, shapes: Sequence[str]) -> str:
    """The whole picture."""
    head = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, *shapes, "</svg>"])
