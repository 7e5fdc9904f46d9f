import threading
import time

import numpy as np
import pytest

from serve.waiting import BatchLimits, Waiting, Work

FOREVER = float("inf")


def work(count=1, size=4, expires=FOREVER, outputs=("y",)):
    return Work((np.zeros((count, size, size, 3), np.uint8),), outputs, expires, future=None)


@pytest.fixture
def waiting():
    return Waiting(BatchLimits(images=4, pixels=100))


def taken(batch):
    return [(part.work, part.start, part.stop) for part in batch.parts]


def test_equal_sizes_run_together_the_oldest_first(waiting):
    a, b, c, d = work(), work(size=5), work(), work(outputs=("z",))
    for each in (a, b, c, d):
        waiting.add(each)
    assert taken(waiting.take()) == [(a, 0, 1), (c, 0, 1)]
    assert taken(waiting.take()) == [(b, 0, 1)]
    assert taken(waiting.take()) == [(d, 0, 1)]


def test_a_large_block_is_cut_and_the_rest_shared(waiting):
    a, b = work(6), work(1)
    waiting.add(a)
    waiting.add(b)
    assert taken(waiting.take()) == [(a, 0, 4)]
    assert taken(waiting.take()) == [(a, 4, 6), (b, 0, 1)]


def test_pixels_bound_a_batch_but_one_image_always_runs(waiting):
    a, b = work(3, size=7), work(2, size=40)
    waiting.add(a)
    waiting.add(b)
    assert [taken(waiting.take()) for _ in range(4)] == [[(a, 0, 2)], [(a, 2, 3)], [(b, 0, 1)], [(b, 1, 2)]]


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
