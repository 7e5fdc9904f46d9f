import os

import numpy as np
import pytest

from serve.fronts.segment import ALIGN, Place, PlaceError, Segment, create


@pytest.fixture
def segment():
    fd = create(1 << 16)
    try:
        yield Segment(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    "place",
    [
        Place((1 << 16) - 64, 0, (65,)),
        Place(1 << 16, 0, (1,)),
        Place(1 << 63, 0, (1,)),
        Place(-64, 0, (1,)),
        Place(0, 0, (1 << 32, 1 << 32, 1 << 32, 1 << 32)),
        Place(0, 1, (1 << 14, 2)),
        Place(1, 0, (1,)),
        Place(0, 2, (1,)),
        Place(0, -1, (1,)),
        Place(0, 0, ()),
        Place(0, 0, (1, 0)),
        Place(0, 0, (1, 1, 1, 1, 1)),
    ],
)
def test_nothing_outside_of_it_can_be_seen(segment, place):
    with pytest.raises(PlaceError):
        segment.array(place)


def test_the_last_byte_can_be_seen(segment):
    segment.array(Place((1 << 16) - ALIGN, 1, (16,)))[-1] = 7.0
    assert segment.array(Place((1 << 16) - ALIGN, 0, (ALIGN,)))[-4:].tobytes() == np.float32(7).tobytes()


def test_two_mappings_see_the_same():
    fd = create(4096)
    one, two = Segment(fd), Segment(fd)
    os.close(fd)
    one.array(Place(64, 0, (3,)))[:] = 5
    assert two.array(Place(64, 0, (3,))).tolist() == [5, 5, 5]


def test_its_size_cannot_change():
    fd = create(4096)
    for size in (0, 8192):
        with pytest.raises(PermissionError):
            os.ftruncate(fd, size)
    os.close(fd)


def test_memory_whose_size_could_change_is_refused():
    fd = os.memfd_create("other")
    os.ftruncate(fd, 4096)
    with pytest.raises(PlaceError, match="size could change"):
        Segment(fd)
    os.close(fd)


def test_what_is_forgotten_goes_back_to_the_machine():
    fd = create(1 << 22)
    segment = Segment(fd)
    segment.array(Place(0, 0, (1 << 22,)))[:] = 1
    assert os.fstat(fd).st_blocks * 512 >= 1 << 22
    segment.forget(1 << 20)
    assert os.fstat(fd).st_blocks * 512 <= (1 << 20) + 65536
    assert segment.array(Place(0, 0, (1 << 22,)))[[0, -1]].tolist() == [1, 0]
    os.close(fd)
