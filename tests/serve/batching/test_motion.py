import time

import pytest

from serve.batching.motion import Motion


@pytest.fixture
def passes(monkeypatch):
    """A function that lets seconds pass on the clock that is read."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def later(seconds):
        now[0] += seconds

    return later


def test_what_has_nothing_to_do_is_not_stuck(passes):
    motion = Motion()
    assert not motion.stuck(0)
    with motion.waiting():
        pass
    with motion.running():
        pass
    passes(10)
    assert not motion.stuck(0)


def test_work_that_waits_without_a_run_is_stuck_from_when_it_came(passes):
    motion = Motion()
    passes(10)
    with motion.waiting():
        passes(3)
        assert not motion.stuck(4)
        passes(2)
        assert motion.stuck(4)


def test_a_run_that_hangs_is_stuck_although_callers_come_and_go(passes):
    motion = Motion()
    with motion.running():
        for _ in range(5):
            with motion.waiting():
                passes(1)
        assert motion.stuck(4)


def test_a_run_may_take_three_times_as_long_as_the_longest(passes):
    motion = Motion()
    with motion.running():
        passes(5)
    with motion.running():
        passes(14)
        assert not motion.stuck(1)
        passes(2)
        assert motion.stuck(1)
