import gc
import os
import random
import threading

import numpy as np
import pytest

from serve.fronts import arena as module
from serve.fronts.arena import Arena, FullError
from serve.fronts.segment import Segment, create


@pytest.fixture
def arena():
    fd = create(1 << 16)
    try:
        yield Arena(Segment(fd))
    finally:
        os.close(fd)


def test_a_block_is_free_again_when_its_last_view_is_gone(arena):
    _, block = arena.take(1 << 16)
    view = block[64:128].view(np.float32).reshape(4, 4)
    del block
    with pytest.raises(FullError):
        arena.take(1)
    del view
    assert arena.take(1 << 16)[0] == 0


def test_blocks_never_overlap_and_all_comes_back(arena):
    chance, held = random.Random(0), []
    for number in range(3000):
        try:
            offset, block = arena.take(chance.randint(1, 3000))
        except FullError:
            held.pop(chance.randrange(len(held)))
            continue
        assert offset % 64 == 0
        block[:] = number % 251
        held.append((block, number % 251))
        if chance.random() < 0.4:
            held.pop(chance.randrange(len(held)))
        if number % 100 == 0:
            assert all((block == value).all() for block, value in held)
    del block
    held.clear()
    gc.collect()
    assert arena.lent == 0
    assert arena.take(1 << 16)[0] == 0  # in one piece


def test_blocks_may_end_on_other_threads(arena):
    blocks = [arena.take(64)[1] for _ in range(1000)]
    threads = [threading.Thread(target=lambda: [blocks.pop() for _ in range(250)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert arena.lent == 0
    assert arena.take(1 << 16)[0] == 0


def test_memory_of_a_burst_goes_back_to_the_machine(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 1 << 16)
    fd = create(1 << 22)
    arena = Arena(Segment(fd))
    arena.take(1 << 22)[1][:] = 1
    assert os.fstat(fd).st_blocks * 512 == 1 << 22
    arena.take(64)
    assert os.fstat(fd).st_blocks * 512 <= 1 << 16
    os.close(fd)
