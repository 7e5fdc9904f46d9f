import threading
import time

import numpy as np
import pytest

from serve.batching.pace import Pace
from serve.batching.waiting import BatchLimits, Waiting
from serve.batching.work import Work

FOREVER = float("inf")


def work(count=1, size=4, expires=FOREVER, outputs=("y",), each=0.0):
    return Work((np.zeros((count, size, size, 3), np.uint8),), outputs, expires, None, each)


@pytest.fixture
def waiting():
    return Waiting(BatchLimits(images=4, pixels=100), Pace())


def taken(batch):
    return [(part.work, part.start, part.stop) for part in batch.parts]


def test_equal_sizes_run_together_the_oldest_first(waiting):
    a, b, c, d = work(), work(size=5), work(), work(outputs=("z",))
    for each in (a, b, c, d):
        waiting.add(each)
    assert taken(waiting.take()) == [(a, 0, 1), (c, 0, 1)]
    assert taken(waiting.take()) == [(b, 0, 1)]
    assert taken(waiting.take()) == [(d, 0, 1)]


def test_a_large_block_is_cut_and_takes_turns_with_the_others(waiting):
    a, b = work(6), work(1)
    waiting.add(a)
    waiting.add(b)
    assert taken(waiting.take()) == [(a, 0, 4)]
    assert taken(waiting.take()) == [(b, 0, 1), (a, 4, 6)]


def test_a_large_block_takes_turns_with_those_of_other_sizes(waiting):
    a, b = work(12), work(1, size=5)
    waiting.add(a)
    waiting.add(b)
    assert [taken(waiting.take()) for _ in range(4)] == [[(a, 0, 4)], [(b, 0, 1)], [(a, 4, 8)], [(a, 8, 12)]]


def test_a_batch_says_why_it_left(waiting):
    for _ in range(5):
        waiting.add(work())
    assert [waiting.take().why for _ in range(2)] == ["full", "free"]


def test_a_full_batch_is_taken_ahead_and_no_other(waiting):
    assert waiting.take_full(0, 0) is None
    blocks = [work() for _ in range(5)]
    for block in blocks[:3]:
        waiting.add(block)
    assert waiting.take_full(0, 0) is None
    for block in blocks[3:]:
        waiting.add(block)
    assert waiting.take_full(4 * 48 + 1, 0) is None
    assert taken(waiting.take_full(4 * 48, 0)) == [(block, 0, 1) for block in blocks[:4]]
    assert waiting.take_full(0, 0) is None


def test_what_is_dropped_fills_no_batch_and_keeps_no_images(waiting):
    blocks = [work() for _ in range(4)]
    for block in blocks:
        waiting.add(block)
    waiting.discard(blocks[0])
    assert blocks[0].inputs == ()
    assert waiting.take_full(0, 0) is None
    assert taken(waiting.take()) == [(block, 0, 1) for block in blocks[1:]]


def test_the_time_that_what_waits_will_take_is_known(waiting):
    a, b, c = work(6, each=0.5), work(2, each=0.25), work(expires=time.monotonic() - 1, each=8.0)
    for each in (a, b, c):
        waiting.add(each)
    assert waiting.seconds == 11.5
    waiting.take()
    assert waiting.seconds == 9.5
    waiting.discard(b)
    waiting.discard(b)
    assert waiting.seconds == 9.0
    d = work(each=1.0)
    waiting.add(d)
    batch = waiting.take()
    assert batch.late == [c]
    waiting.add(work(size=5, each=2.0))
    waiting.discard(c)  # whose caller went away at the same moment
    assert waiting.seconds == 2.0


def test_what_cannot_be_done_in_time_any_more_leaves():
    pace = Pace()
    pace.ran(16, 1, 1.6, full=True)
    waiting = Waiting(BatchLimits(images=4, pixels=100), pace)
    hopeless, fine = work(expires=time.monotonic() + 1), work(expires=time.monotonic() + 10)
    waiting.add(hopeless)
    waiting.add(fine)
    batch = waiting.take()
    assert (taken(batch), batch.late) == ([(fine, 0, 1)], [hopeless])


def test_pixels_bound_a_batch_but_one_image_always_runs(waiting):
    a, b = work(3, size=7), work(2, size=40)
    waiting.add(a)
    waiting.add(b)
    assert [taken(waiting.take()) for _ in range(4)] == [[(a, 0, 2)], [(b, 0, 1)], [(a, 2, 3)], [(b, 1, 2)]]


def test_late_ones_leave_without_running(waiting):
    late, fine = work(expires=time.monotonic() - 1), work()
    waiting.add(late)
    waiting.add(fine)
    batch = waiting.take()
    assert taken(batch) == [(fine, 0, 1)]
    assert batch.late == [late]


def test_discard(waiting):
    a, b = work(), work()
    waiting.add(a)
    waiting.add(b)
    waiting.discard(a)
    waiting.discard(a)
    assert taken(waiting.take()) == [(b, 0, 1)]


def test_take_waits_and_close_ends_it(waiting):
    results = []
    thread = threading.Thread(target=lambda: results.extend([waiting.take(), waiting.take()]))
    thread.start()
    first = work()
    waiting.add(first)
    while waiting._by_key:
        time.sleep(0.001)
    assert waiting.close() == []
    thread.join(5)
    assert taken(results[0]) == [(first, 0, 1)]
    assert results[1] is None
    assert not waiting.add(work())


def test_close_gives_back_what_waits(waiting):
    a = work()
    waiting.add(a)
    assert waiting.close() == [a]
    assert waiting.take() is None


def test_a_batch_is_not_made_so_large_that_one_of_its_own_is_late():
    pace = Pace()
    pace.ran(16, 4, 4.0, full=True)  # a second an image
    waiting = Waiting(BatchLimits(images=8, pixels=1000), pace)
    first, second, hurried, last = work(2), work(), work(expires=time.monotonic() + 3.5), work()
    for each in (first, second, hurried, last):
        waiting.add(each)
    batch = waiting.take()
    assert (taken(batch), batch.why) == ([(first, 0, 2), (second, 0, 1)], "full")
    assert taken(waiting.take()) == [(hurried, 0, 1), (last, 0, 1)]


def test_what_is_taken_ahead_reckons_with_the_run_before_it():
    pace = Pace()
    pace.ran(16, 4, 4.0, full=True)
    waiting = Waiting(BatchLimits(images=4, pixels=1000), pace)
    works = [work(expires=time.monotonic() + 5.5) for _ in range(4)]
    for each in works:
        waiting.add(each)
    assert len(waiting.take_full(0, 2.0).parts) == 3
