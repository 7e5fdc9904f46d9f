import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.observing.histogram import DURATIONS, SIZES, Histogram


def test_a_value_lies_below_the_bounds_from_its_own_on():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 7.0):
        histogram.add(value)
    histogram.add_many(1.5, 3)
    assert list(histogram.cumulative()) == [("1.0", 2), ("2.0", 7), ("+Inf", 8)]
    assert histogram.sum == 16.5


@given(st.lists(st.floats(0, 1e3)))
def test_nothing_is_lost(values):
    histogram = Histogram(DURATIONS)
    for value in values:
        histogram.add(value)
    found = dict(histogram.cumulative())
    assert found["+Inf"] == len(values)
    assert found["0.1"] == sum(value <= 0.1 for value in values)
    assert histogram.sum == pytest.approx(sum(values))


def test_bounds_ascend():
    assert list(DURATIONS) == sorted(DURATIONS) and list(SIZES) == sorted(SIZES)
    assert (DURATIONS[0], DURATIONS[-1]) == (0.0005, 60)
