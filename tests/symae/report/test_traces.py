import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from symae.report import svg
from symae.report.chart import Trace, Traces
from symae.report.plot import draw
from symae.report.traces import LEADING, MOST_POINTS

values = st.floats(1e-6, 1e6)
series = st.lists(values, max_size=12).map(lambda found: tuple(enumerate(found, 1)))
traces = st.lists(st.builds(Trace, st.text("a<&é", max_size=40), series, st.integers(0, 20)), max_size=9).map(tuple)


@settings(deadline=None)
@given(traces, st.booleans(), st.booleans())
def test_traces_are_well_formed_and_within_the_picture(lines, log, zero):
    text = draw(Traces("t <i>", "epoch", lines, log, zero))
    if not any(trace.points for trace in lines):
        assert text == ""
        return
    root = ElementTree.fromstring(text)
    _, _, width, height = map(float, root.get("viewBox").split())
    for line in root.iter("polyline"):
        places = [tuple(map(float, place.split(","))) for place in line.get("points").split()]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in places)
    assert len(list(root.iter("polyline"))) == sum(bool(trace.points) for trace in lines)


def test_names_beside_the_lines_keep_their_distance():
    lines = tuple(Trace(f"run {number}", ((1, 1.0), (2, 1.0 + number / 1e4)), number) for number in range(8))
    text = draw(Traces("t", "epoch", lines))
    places = sorted(float(y) for y in re.findall(r'class="value" x="[^"]*" y="([^"]*)"', text))
    assert len(places) == 8
    assert min(b - a for a, b in pairwise(places)) >= LEADING - 0.2


def test_an_epoch_tells_all_its_values():
    lines = (Trace("one", ((1, 0.5), (2, 0.25))), Trace("two", ((2, 4.0),), 1))
    root = ElementTree.fromstring(draw(Traces("t", "epoch", lines)))
    assert [title.text for title in root.iter("title") if title.text.startswith("epoch")] == [
        *("epoch 1\none 0.5", "epoch 2\none 0.25\ntwo 4"),
    ]


def test_a_long_training_is_thinned_and_keeps_its_ends():
    text = draw(Traces("t", "epoch", (Trace("x", tuple((e, 1 / e) for e in range(1, 5001))),)))
    assert text.count('class="band"') == MOST_POINTS
    assert "epoch 1\n" in text and "epoch 5000\n" in text
    assert len(text) < 60_000


@settings(deadline=None)
@given(st.floats(1e-9, 1e9), st.floats(1.01, 1e12))
def test_ticks_of_a_logarithmic_axis_hold_all_values_between_them(low, ratio):
    ticks = svg.log_ticks(low, low * ratio)
    assert ticks[0] <= low and ticks[-1] >= low * ratio * (1 - 1e-9)
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= 8
