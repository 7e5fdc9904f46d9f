"""Memory that two processes share: anonymous, of a fixed size, gone with the last process that maps it."""

from __future__ import annotations

import fcntl
import math
import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALIGN", "DTYPES", "Place", "PlaceError", "Segment", "create", "padded"]

Array = NDArray[Any]
ALIGN = 64  # bytes: a cache line, and what vector instructions like best
DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))
# Without these a process could shrink the memory under another, which would die of it.
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class PlaceError(ValueError):
    """A place does not lie in the segment, or is none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an array lies.

    Attributes:
        offset: bytes from the segment's beginning, a multiple of `ALIGN`.
        dtype: its index in `DTYPES`.
        shape: of 1 to 4 axes, each >= 1.
    """

    offset: int
    dtype: int
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize

    def within(self, block: NDArray[np.uint8]) -> Array:
        """See the array in a block that begins where offsets are counted from."""
        return block[self.offset : self.offset + self.nbytes].view(DTYPES[self.dtype]).reshape(self.shape)


def create(size: int) -> int:
    """Make memory of so many bytes, zeros; pages that are not touched cost nothing. Returns a file descriptor."""
    fd = os.memfd_create("symae", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


def padded(size: int) -> int:
    """Round up to what keeps the next array aligned."""
    return -(-size // ALIGN) * ALIGN


class Segment:
    """A mapping of such memory into this process; the descriptor is not needed any more.

    Attributes:
        size: in bytes.
    """

    def __init__(self, fd: int) -> None:
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS != SEALS:
            raise PlaceError("the segment's size could change")
        self.size = os.fstat(fd).st_size
        self._map = mmap.mmap(fd, self.size)

    def array(self, place: Place) -> Array:
        """See an array; not a copy, and the mapping lives as long as it does.

        Raises:
            PlaceError: it lies outside, is misaligned, or has another shape or type than an array can have.
        """
        if not 0 <= place.dtype < len(DTYPES) or not 1 <= len(place.shape) <= 4 or min(place.shape) < 1:
            raise PlaceError(f"no array: {place}")
        dtype = DTYPES[place.dtype]
        if not 0 <= place.offset <= self.size - math.prod(place.shape) * dtype.itemsize or place.offset % ALIGN:
            raise PlaceError(f"outside of {self.size} bytes: {place}")
        return np.ndarray(place.shape, dtype, self._map, place.offset)

    def words(self) -> tuple[memoryview[int], memoryview[float]]:
        """See all of it as 64-bit integers, and as 64-bit floats."""
        whole = memoryview(self._map)
        return whole.cast("q"), whole.cast("d")

    def forget(self, start: int) -> None:
        """Give the pages from an offset on, a multiple of the page's size, back to the machine; they become zeros."""
        if start < self.size:
            self._map.madvise(mmap.MADV_REMOVE, start, self.size - start)
