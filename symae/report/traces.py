"""Values in the course of a training, as SVG: a line each, its last value beside it, all values where the pointer is.

Without a script the values of an epoch are the browser's own tip over its column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from symae.report import svg
from symae.report.chart import Trace, Traces
from symae.report.svg import DASHES, MARKERS, Scale

__all__ = ["COLOURS", "draw_traces"]

COLOURS = 7  # that the page's style has: .c0 to .c6
WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 30, 40
LEADING = 15  # between two labels at the right
LETTERS = 18  # of such a label
MOST_POINTS = 160  # of a line: more are thinned
MARKED_POINTS = 30  # of a line whose points have markers


def draw_traces(chart: Traces) -> str:
    """Draw a chart as one <svg> element; an empty text where there is nothing to draw."""
    traces = [_thinned(trace) for trace in chart.traces if trace.points]
    if not traces:
        return ""
    x, x_ticks = _x_axis(traces)
    y, y_ticks = _y_axis(chart, traces)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    shapes = [svg.text(0, 13, chart.title, "head")]
    for tick in y_ticks:
        shapes += [svg.line(LEFT, y(tick), right, y(tick), "grid")]
        shapes += [svg.text(LEFT - 7, y(tick) + 4, f"{tick:g}", "end tick")]
    shapes += [svg.tick(x(tick), bottom + 17, tick) for tick in x_ticks]
    shapes.append(svg.text((LEFT + right) / 2, HEIGHT - 5, chart.x, "middle tick"))
    for trace in traces:
        shapes += _line(trace, x, y)
    shapes += _labels(traces, y)
    shapes += _bands(chart.x, traces, x)
    return svg.element(WIDTH, HEIGHT, chart.title, shapes)


def _thinned(trace: Trace) -> Trace:
    """Leave out points evenly where there are too many to be told apart; the first and the last stay."""
    count = len(trace.points)
    if count <= MOST_POINTS:
        return trace
    kept = sorted({round(i * (count - 1) / (MOST_POINTS - 1)) for i in range(MOST_POINTS)})
    return Trace(trace.label, tuple(trace.points[i] for i in kept), trace.style)


def _x_axis(traces: Sequence[Trace]) -> tuple[Scale, list[float]]:
    at = [x for trace in traces for x, _ in trace.points]
    first, last = min(at), max(at)
    room = 0.5 if first == last else 0.02 * (last - first)
    ticks = {round(tick) for tick in svg.ticks(first, last, 8, 1)}
    shown = [float(tick) for tick in sorted(ticks) if first - room <= tick <= last + room]
    return svg.scale(first - room, last + room, LEFT, WIDTH - RIGHT), shown


def _y_axis(chart: Traces, traces: Sequence[Trace]) -> tuple[Scale, list[float]]:
    values = [value for trace in traces for _, value in trace.points]
    low, high = min(values), max(values)
    if chart.log and 0 < low < high:
        ticks = svg.log_ticks(low, high)
        return svg.log_scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP), ticks
    if chart.zero:
        low = min(low, 0.0)
    room = max(0.0, 0.01 * max(abs(low), abs(high)) - (high - low)) / 2  # a constant is no noise made large
    ticks = svg.ticks(low - room, high + room, 5, 1e-9)
    return svg.scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP), ticks


def _line(trace: Trace, x: Scale, y: Scale) -> Iterator[str]:
    places = [(x(at), y(value)) for at, value in trace.points]
    line = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
    colour = f"c{trace.style % COLOURS}"
    yield f'<polyline class="curve {colour}" stroke-dasharray="{_dashes(trace)}" points="{line}"/>'
    shape = MARKERS[trace.style % len(MARKERS)]
    for left, top in places if len(places) <= MARKED_POINTS else places[-1:]:
        yield f'<path class="dot {colour}" transform="translate({left:.1f} {top:.1f}) scale(.7)" d="{shape}"/>'


def _labels(traces: Sequence[Trace], y: Scale) -> Iterator[str]:
    """Each line's name and last value at its right end, moved apart where they would cover each other."""
    ordered = sorted(traces, key=lambda trace: y(trace.points[-1][1]))
    places = _apart([y(trace.points[-1][1]) for trace in ordered])
    left = WIDTH - RIGHT + 6
    for trace, top in zip(ordered, places, strict=True):
        value = f"{trace.points[-1][1]:.4g}"
        words = svg.cut(trace.label, LETTERS - len(value)) + " " + value if len(traces) > 1 else value
        colour = f"c{trace.style % COLOURS}"
        yield f'<path class="curve {colour}" stroke-dasharray="{_dashes(trace)}" d="M{left} {top:.1f}h20"/>'
        yield svg.text(left + 25, top + 4, words, "value", f"{trace.label} {value}")


def _apart(places: Sequence[float]) -> list[float]:
    """Move ascending heights down until they keep their distance, and all of them up as far as they are too low."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + LEADING) if moved else max(place, TOP - 6.0))
    excess = max(0.0, moved[-1] - (HEIGHT - BOTTOM))
    for number in reversed(range(len(moved))):
        below = moved[number + 1] - LEADING if number + 1 < len(moved) else HEIGHT - BOTTOM
        moved[number] = min(moved[number], below) if excess else moved[number]
    return moved


def _bands(word: str, traces: Sequence[Trace], x: Scale) -> Iterator[str]:
    """An invisible column for each epoch, which tells all its values."""
    told: dict[float, list[str]] = {}
    for trace in traces:
        for at, value in trace.points:
            told.setdefault(at, []).append(f"{trace.label} {value:.4g}")
    order = sorted(told)
    edges = [LEFT, *(x((one + other) / 2) for one, other in pairwise(order)), WIDTH - RIGHT]
    for at, (left, right) in zip(order, pairwise(edges), strict=True):
        tip = "\n".join([f"{word} {at:g}", *told[at]])
        rule = f"M{x(at):.1f} {TOP}V{HEIGHT - BOTTOM}"
        area = f'x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{HEIGHT - BOTTOM - TOP}"'
        yield f'<g class="band"><rect {area}/><path d="{rule}"/><title>{escape(tip)}</title></g>'


def _dashes(trace: Trace) -> str:
    return DASHES[trace.style % len(DASHES)]
