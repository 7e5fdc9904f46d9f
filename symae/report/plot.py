"""Plots as SVG that takes its colours from the page, so that it is readable on light and on dark ground.

Drawn by hand, since a library's SVG has its colours written into every shape. Kinds differ in more than colour:
the paper's bars are plain, measured ones have an edge, those with changes are hatched; curves have their own
markers and dashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from symae.report import svg
from symae.report.chart import Bar, Bars, Chart, Curve, Curves, Point, Traces
from symae.report.svg import DASHES, MARKERS, Scale
from symae.report.traces import draw_traces

__all__ = ["draw"]

BAR, HEAD, GAP, FOOT = 19, 20, 9, 24  # heights
PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 460, 260, 44


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
    if isinstance(chart, Traces):
        return draw_traces(chart)
    return _bars(chart) if isinstance(chart, Bars) else _curves(chart)


def _bars(chart: Bars) -> str:
    values = [end for _, bars in chart.groups for bar in bars if bar.point for end in _ends(bar.point)]
    if not values:
        return ""
    frame = WIDE if chart.zero else NARROW
    ticks = svg.ticks(0.0 if chart.zero else min(values) - 0.2, max(values), 6 if chart.zero else 4)
    scale = svg.scale(ticks[0], ticks[-1], frame.left, frame.width - frame.right)
    shapes, y = [], 4.0
    for heading, bars in chart.groups:
        if heading:
            shapes.append(svg.text(0, y + 14, svg.cut(heading, 110), "head", heading))
            y += HEAD
        for bar in bars:
            shapes.append(_bar(bar, scale, y, frame))
            y += BAR
        y += GAP if heading else 2
    grid = [svg.line(scale(tick), 0, scale(tick), y, "grid") + svg.tick(scale(tick), y + 14, tick) for tick in ticks]
    return svg.element(frame.width, y + FOOT, chart.title, [*grid, *shapes])


def _bar(bar: Bar, scale: Scale, y: float, frame: _Frame) -> str:
    middle = y + BAR / 2
    label = svg.text(frame.left - 8, middle + 4, svg.cut(bar.label, frame.letters), f"end {bar.kind}", bar.label)
    if bar.point is None:
        return label + svg.text(frame.left + 6, middle + 4, bar.text, "none")
    x, end = scale(bar.point.mean), scale(_ends(bar.point)[1])
    if frame is WIDE:
        size = f'x="{frame.left}" y="{y + 2:g}" width="{x - frame.left:.1f}" height="{BAR - 4}"'
        shape = f'<rect class="bar {bar.kind}" {size}/>'
    else:
        marker = MARKERS[("paper", "full", "changed").index(bar.kind)]
        shape = f'<path class="mark {bar.kind}" transform="translate({x:.1f} {middle})" d="{marker}"/>'
    return label + shape + _error(bar.point, scale, middle) + svg.text(end + 7, middle + 4, bar.text, "value")


def _error(point: Point, scale: Scale, y: float) -> str:
    if point.deviation is None:
        return ""
    low, high = map(scale, _ends(point))
    caps = "".join(svg.line(x, y - 4, x, y + 4, "error") for x in (low, high))
    return svg.line(low, y, high, y, "error") + caps


def _curves(chart: Curves) -> str:
    points = [point for curve in chart.curves for point in curve.points]
    if not points:
        return ""
    values = [end for point in points for end in _ends(point)]
    ticks, layers = svg.ticks(min(values), max(values)), sorted({int(point.at) for point in points})
    x = svg.scale(layers[0] - 0.3, layers[-1] + 0.3, MARGIN, PANEL_WIDTH - 8)
    y = svg.scale(ticks[0], ticks[-1], PANEL_HEIGHT - MARGIN, 22)
    shapes = [svg.line(MARGIN, y(tick), PANEL_WIDTH - 8, y(tick), "grid") for tick in ticks]
    shapes += [svg.text(MARGIN - 6, y(tick) + 4, f"{tick:g}", "end tick") for tick in ticks]
    shapes += [svg.tick(x(layer), PANEL_HEIGHT - MARGIN + 16, layer) for layer in layers]
    shapes.append(svg.text((MARGIN + PANEL_WIDTH) / 2, PANEL_HEIGHT - 10, chart.x, "middle tick"))
    shapes.append(svg.text(0, 12, chart.title, "head"))
    for number, curve in enumerate(chart.curves):
        shapes += _curve(number, curve, x, y)
        shapes.append(_key(number, curve.label, PANEL_HEIGHT + 14 + 18 * number))
    return svg.element(PANEL_WIDTH, PANEL_HEIGHT + 10 + 18 * len(chart.curves), chart.title, shapes)


def _curve(number: int, curve: Curve, x: Scale, y: Scale) -> Iterator[str]:
    line = " ".join(f"{x(point.at):.1f},{y(point.mean):.1f}" for point in curve.points)
    yield f'<polyline class="curve c{number % 5}" stroke-dasharray="{DASHES[number % 5]}" points="{line}"/>'
    for point in curve.points:
        if point.deviation is not None:
            low, high = map(y, _ends(point))
            yield svg.line(x(point.at), low, x(point.at), high, f"whisker c{number % 5}")
        told = f"{curve.label}, layer {point.at:g}: {point.mean:.2f}"
        yield _marker(number, x(point.at), y(point.mean), told)


def _key(number: int, label: str, y: float) -> str:
    dashes = DASHES[number % 5]
    line = f'<path class="curve c{number % 5}" stroke-dasharray="{dashes}" d="M{MARGIN} {y}h34"/>'
    return line + _marker(number, MARGIN + 17, y, label) + svg.text(MARGIN + 42, y + 4, svg.cut(label, 62), "", label)


def _marker(number: int, x: float, y: float, told: str) -> str:
    shape = MARKERS[number % 5]
    title = f"<title>{escape(told)}</title>"
    return f'<path class="dot c{number % 5}" transform="translate({x:.1f} {y:.1f})" d="{shape}">{title}</path>'


def _ends(point: Point) -> tuple[float, float]:
    spread = point.deviation or 0.0
    return point.mean - spread, point.mean + spread
