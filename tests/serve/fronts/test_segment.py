import os

import pytest

from serve.fronts.segment import ALIGN, PlaceError, Segment, create


@pytest.fixture
def segment():
    fd = create(1 << 16)
    try:
        yield Segment(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        ((1 << 16) - 64, 65), (1 << 16, 1), (1 << 63, 1), (-64, 1), (0, (1 << 16) + 1), (0, 1 << 96), (1, 1), (0, 0),
        (128, -64),
    ],
)  # fmt: skip
def test_nothing_outside_of_it_can_be_seen(segment, offset, size):
    with pytest.raises(PlaceError):
        segment.block(offset, size)


def test_the_last_byte_can_be_seen(segment):
    segment.block((1 << 16) - ALIGN, ALIGN)[-1] = 7
    assert segment.block(0, 1 << 16)[-2:].tolist() == [0, 7]


def test_two_mappings_see_the_same():
    fd = create(4096)
    one, two = Segment(fd), Segment(fd)
    os.close(fd)
    one.block(64, 3)[:] = 5
    assert two.block(64, 4).tolist() == [5, 5, 5, 0]


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
    segment.block(0, 1 << 22)[:] = 1
    assert os.fstat(fd).st_blocks * 512 >= 1 << 22
    segment.forget(1 << 20)
    assert os.fstat(fd).st_blocks * 512 <= (1 << 20) + 65536
    assert segment.block(0, 1 << 22)[[0, -1]].tolist() == [1, 0]
    os.close(fd)
