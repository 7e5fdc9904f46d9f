from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serve.features.filling import Read
from serve.features.items import Item
from serve.features.parts import _read_ahead, _Room
from serve.features.scaled import Sized


@pytest.fixture
def read():
    """Reads 10 x 10 pixels, and remembers how many were read."""

    class Reader:
        begun = 0

        def __call__(self, chunk):
            self.begun += len(chunk)
            return [Read(part, row, item, Sized(np.zeros((10, 10, 3), np.uint8), 10, 10)) for part, row, item in chunk]

    return Reader()


def chunks(count):
    return ([(0, row, Item(str(row), str(row)))] for row in range(count))


@pytest.mark.parametrize(
    ("room", "most"),
    [(_Room(8, 100, 10_000), 8), (_Room(100, 2, 500), 8), (_Room(100, 4, 10_000), 100), (_Room(1, 1, 0), 1)],
)
def test_no_more_is_read_ahead_than_there_is_room(read, room, most):
    with ThreadPoolExecutor(1) as pool:
        for taken, each in enumerate(_read_ahead(pool, read, chunks(50), room), 1):
            assert each.row == taken - 1
            pool.submit(lambda: None).result()  # whatever was asked for has been read
            assert read.begun - taken <= most
    assert read.begun == 50


def test_what_ends_the_job_comes_out_at_its_turn():
    def broken(chunk):
        if chunk[0][1] == 3:
            raise KeyError(3)
        return [Read(*each, None, "broken") for each in chunk]

    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyError):
        list(_read_ahead(pool, broken, chunks(10), _Room(4, 4, 100)))
