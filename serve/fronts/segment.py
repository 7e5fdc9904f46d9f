"""Memory that two processes share: anonymous, of a fixed size, gone with the last process that maps it."""

from __future__ import annotations

import fcntl
import mmap
import os

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALIGN", "PlaceError", "Segment", "create", "padded"]

ALIGN = 64  # bytes: a cache line, and what vector instructions like best
# Without these a process could shrink the memory under another, which would die of it.
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class PlaceError(ValueError):
    """A place does not lie in the segment, or is none."""


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

    def block(self, offset: int, size: int) -> NDArray[np.uint8]:
        """See (size,) bytes from an offset on; not a copy, and the mapping lives as long as it does.

        Raises:
            PlaceError: they do not all lie in the segment, or do not begin aligned.
        """
        if not 0 <= offset <= self.size - size or size < 1 or offset % ALIGN:
            raise PlaceError(f"{size} bytes from {offset} on are not in {self.size}")
        return np.ndarray((size,), np.uint8, self._map, offset)

    def words(self) -> tuple[memoryview[int], memoryview[float]]:
        """See all of it as 64-bit integers, and as 64-bit floats."""
        whole = memoryview(self._map)
        return whole.cast("q"), whole.cast("d")

    def forget(self, start: int) -> None:
        """Give the pages from an offset on, a multiple of the page's size, back to the machine; they become zeros."""
        if start < self.size:
            self._map.madvise(mmap.MADV_REMOVE, start, self.size - start)
