"""Plots as SVG that takes its colours from the page, so that it is readable on light and on dark ground.

Drawn by hand, since a library's SVG has its colours written into every shape. Kinds differ in more than colour:
the paper's bars are plain, measured ones have an edge, those with changes are hatched; curves have their own
markers and dashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from matplotlib.ticker import MaxNLocator

from symae.report.chart import Bar, Bars, Chart, Curve, Curves, Point

__all__ = ["draw"]

BAR, HEAD, GAP, FOOT = 19, 20, 9, 24  # heights
PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 460, 260, 44
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 2")
MARKERS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",  # circle, square, triangle, diamond, cross
    "M-4-4h8v8h-8z",
    "M0-5l5 9h-10z",
    "M0-5l5 5-5 5-5-5z",
    "M-4-2h2v-2h4v2h2v4h-2v2h-4v-2h-2z",
)
Scale = Callable[[float], float]


@dataclass(frozen=True)
class _Frame:
    """Widths of a bar chart: the whole, the labels at the left, the numbers at the right; letters of a label."""

    width: int
    left: int
    right: int
    letters: int


WIDE, NARROW = _Frame(840, 340, 140, 51), _Frame(520, 220, 90, 31)


def draw(chart: Chart) -> str:
    """Draw a chart as one <svg> element; an empty text where there is nothing to draw."""
    return _bars(chart) if isinstance(chart, Bars) else _curves(chart)


def _bars(chart: Bars) -> str:
    values = [end for _, bars in chart.groups for bar in bars if bar.point for end in _ends(bar.point)]
    if not values:
        return ""
    frame = WIDE if chart.zero else NARROW
    ticks = _ticks(0.0 if chart.zero else min(values) - 0.2, max(values), 6 if chart.zero else 4)
    scale = _scale(ticks[0], ticks[-1], frame.left, frame.width - frame.right)
    shapes, y = [], 4.0
    for heading, bars in chart.groups:
        if heading:
            shapes.append(_text(0, y + 14, _cut(heading, 110), "head", heading))
            y += HEAD
        for bar in bars:
            shapes.append(_bar(bar, scale, y, frame))
            y += BAR
        y += GAP if heading else 2
    grid = [_line(scale(tick), 0, scale(tick), y, "grid") + _tick(scale(tick), y + 14, tick) for tick in ticks]
    return _svg(frame.width, y + FOOT, chart.title, [*grid, *shapes])


def _bar(bar: Bar, scale: Scale, y: float, frame: _Frame) -> str:
    middle = y + BAR / 2
    label = _text(frame.left - 8, middle + 4, _cut(bar.label, frame.letters), f"end {bar.kind}", bar.label)
    if bar.point is None:
        return label + _text(frame.left + 6, middle + 4, bar.text, "none")
    x, end = scale(bar.point.mean), scale(_ends(bar.point)[1])
    if frame is WIDE:
        size = f'x="{frame.left}" y="{y + 2:g}" width="{x - frame.left:.1f}" height="{BAR - 4}"'
        shape = f'<rect class="bar {bar.kind}" {size}/>'
    else:
        marker = MARKERS[("paper", "full", "changed").index(bar.kind)]
        shape = f'<path class="mark {bar.kind}" transform="translate({x:.1f} {middle})" d="{marker}"/>'
    return label + shape + _error(bar.point, scale, middle) + _text(end + 7, middle + 4, bar.text, "value")


def _error(point: Point, scale: Scale, y: float) -> str:
    if point.deviation is None:
        return ""
    low, high = map(scale, _ends(point))
    caps = "".join(_line(x, y - 4, x, y + 4, "error") for x in (low, high))
    return _line(low, y, high, y, "error") + caps


def _curves(chart: Curves) -> str:
    points = [point for curve in chart.curves for point in curve.points]
    if not points:
        return ""
    values = [end for point in points for end in _ends(point)]
    ticks, layers = _ticks(min(values), max(values)), sorted({int(point.at) for point in points})
    x = _scale(layers[0] - 0.3, layers[-1] + 0.3, MARGIN, PANEL_WIDTH - 8)
    y = _scale(ticks[0], ticks[-1], PANEL_HEIGHT - MARGIN, 22)
    shapes = [_line(MARGIN, y(t), PANEL_WIDTH - 8, y(t), "grid") + _text(MARGIN - 6, y(t) + 4, f"{t:g}", "end tick")
              for t in ticks]  # fmt: skip
    shapes += [_tick(x(layer), PANEL_HEIGHT - MARGIN + 16, layer) for layer in layers]
    shapes.append(_text((MARGIN + PANEL_WIDTH) / 2, PANEL_HEIGHT - 10, chart.x, "middle tick"))
    shapes.append(_text(0, 12, chart.title, "head"))
    for number, curve in enumerate(chart.curves):
        shapes += _curve(number, curve, x, y)
        shapes.append(_key(number, curve.label, PANEL_HEIGHT + 14 + 18 * number))
    return _svg(PANEL_WIDTH, PANEL_HEIGHT + 10 + 18 * len(chart.curves), chart.title, shapes)


def _curve(number: int, curve: Curve, x: Scale, y: Scale) -> Iterator[str]:
    line = " ".join(f"{x(point.at):.1f},{y(point.mean):.1f}" for point in curve.points)
    yield f'<polyline class="curve c{number % 5}" stroke-dasharray="{DASHES[number % 5]}" points="{line}"/>'
    for point in curve.points:
        if point.deviation is not None:
            low, high = map(y, _ends(point))
            yield _line(x(point.at), low, x(point.at), high, f"whisker c{number % 5}")
        told = f"{curve.label}, layer {point.at:g}: {point.mean:.2f}"
        yield _marker(number, x(point.at), y(point.mean), told)


def _key(number: int, label: str, y: float) -> str:
    dashes = DASHES[number % 5]
    line = f'<path class="curve c{number % 5}" stroke-dasharray="{dashes}" d="M{MARGIN} {y}h34"/>'
    return line + _marker(number, MARGIN + 17, y, label) + _text(MARGIN + 42, y + 4, _cut(label, 62), "", label)


def _marker(number: int, x: float, y: float, told: str) -> str:
    shape = MARKERS[number % 5]
    title = f"<title>{escape(told)}</title>"
    return f'<path class="dot c{number % 5}" transform="translate({x:.1f} {y:.1f})" d="{shape}">{title}</path>'


def _ends(point: Point) -> tuple[float, float]:
    spread = point.deviation or 0.0
    return point.mean - spread, point.mean + spread


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    locator = MaxNLocator(nbins=most, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10])
    return [float(tick) for tick in locator.tick_values(low, max(high, low + 0.1))]


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _tick(x: float, y: float, value: float) -> str:
    return _text(x, y, f"{value:g}", "middle tick")


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str, whole: str = "") -> str:
    title = f"<title>{escape(whole)}</title>" if whole and whole != text else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}{title}</text>'


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def _svg(width: float, height: float, title: str, shapes: list[str]) -> str:
    head = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, *shapes, "</svg>"])
