import pytest

from serve.batching.pace import SIZES, Pace


def test_the_best_is_never_too_long_an_estimate():
    pace = Pace()
    for seconds in (4.0, 1.0, 3.0):
        pace.ran(10, 2, seconds, full=False)
    assert pace.best(10) == 0.5


def test_what_is_expected_is_that_of_full_runs_once_there_was_one():
    pace = Pace()
    pace.ran(10, 1, 9.0, full=False)
    assert pace.expected(10) == 9.0
    pace.ran(10, 10, 1.0, full=True)
    assert pace.expected(10) == pytest.approx(0.1)
    pace.ran(10, 1, 9.0, full=False)
    assert pace.expected(10) == pytest.approx(0.1)


def test_what_is_expected_follows_what_is_seen():
    pace = Pace()
    pace.ran(10, 1, 1.0, full=True)
    for _ in range(40):
        pace.ran(10, 1, 2.0, full=True)
    assert pace.expected(10) == pytest.approx(2.0, rel=0.01)
    assert pace.rate == pytest.approx(0.2, rel=0.01)


def test_few_runs_take_longer_than_what_is_expected(rng):
    pace, late = Pace(), 0
    for seconds in rng.normal(1.0, 0.1, 1000):
        late += seconds > (pace.expected(10) or 1.0)
        pace.ran(10, 1, seconds, full=True)
    assert late < 150


def test_a_size_that_never_ran_is_not_guessed_at():
    pace = Pace()
    pace.ran(1, 1, 1.0, full=True)
    assert (pace.best(1 << 20), pace.expected(1 << 20)) == (0, 0)


def test_only_the_latest_sizes_are_remembered():
    pace = Pace()
    for size in range(1, SIZES + 2):
        pace.ran(size, 1, 1.0, full=True)
    assert pace.best(1) == 0
    assert pace.best(SIZES + 1) == 1.0
