import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symae.report.chart import Bar, Bars, Curve, Curves, Point
from symae.report.plot import draw

values = st.floats(0.5, 99)
points = st.builds(Point, values, st.none() | st.floats(0, 5))
labels = st.text("a<&é", max_size=90)
bars = st.builds(Bar, st.sampled_from(["paper", "full", "changed"]), st.none() | points, labels, st.just("1"))


@given(
    st.lists(st.tuples(st.text("b>", max_size=150), st.lists(bars, max_size=4).map(tuple)), max_size=4), st.booleans()
)
def test_bars_are_well_formed_and_within_the_picture(groups, zero):
    svg = draw(Bars("title", tuple(groups), zero))
    shown = [bar for _, bars in groups for bar in bars if bar.point]
    if not shown:
        assert svg == ""
        return
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.get("viewBox").split())
    assert len(re.findall(r'class="(?:bar|mark) ', svg)) == len(shown)
    for rect in root.iter("rect"):
        assert 0 <= float(rect.get("width")) <= width
    assert all(0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height for text in root.iter("text"))


def test_a_bar_is_as_long_as_its_value():
    svg = draw(Bars("t", (("", tuple(Bar("paper", Point(value), "", "") for value in (20.0, 40.0, 80.0))),)))
    widths = [float(rect.get("width")) for rect in ElementTree.fromstring(svg).iter("rect")]
    assert widths == pytest.approx([widths[0], 2 * widths[0], 4 * widths[0]], abs=0.3)


def test_curves_have_a_marker_for_each_point_and_a_key_for_each_curve():
    curves = tuple(Curve(f"net <{n}>", tuple(Point(n + at, 0.1, at) for at in range(1, 6))) for n in range(3))
    svg = draw(Curves("t", "layer", "%", curves))
    ElementTree.fromstring(svg)
    assert svg.count('class="dot ') == 3 * 5 + 3
    assert svg.count('class="whisker ') == 3 * 5
    assert all(f"net &lt;{n}&gt;</text>" in svg for n in range(3))
    assert draw(Curves("t", "layer", "%", ())) == ""
