import time

from serve.batching.motion import Motion


def test_what_has_nothing_to_do_is_not_stuck():
    motion = Motion()
    assert not motion.stuck(0)
    with motion.waiting():
        pass
    with motion.running():
        pass
    time.sleep(0.01)
    assert not motion.stuck(0)


def test_work_that_waits_without_a_run_is_stuck_from_when_it_came():
    motion = Motion()
    time.sleep(0.05)
    with motion.waiting():
        assert not motion.stuck(0.04)
        time.sleep(0.05)
        assert motion.stuck(0.04)


def test_a_run_that_hangs_is_stuck_although_callers_come_and_go():
    motion = Motion()
    with motion.running():
        for _ in range(5):
            with motion.waiting():
                time.sleep(0.01)
        assert motion.stuck(0.04)


def test_a_run_may_take_three_times_as_long_as_the_longest():
    motion = Motion()
    with motion.running():
        time.sleep(0.05)
    with motion.running():
        time.sleep(0.06)
        assert not motion.stuck(0.01)
        time.sleep(0.12)
        assert motion.stuck(0.01)
