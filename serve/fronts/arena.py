"""Blocks of a front's shared memory: lent to one work at a time, back when the last array on them is gone."""

from __future__ import annotations

import bisect
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.fronts.segment import Segment, padded

__all__ = ["Arena", "FullError"]

KEPT = 16 << 20  # bytes that stay resident when nothing is lent; what a burst touched beyond goes back to the machine


class FullError(Exception):
    """No block of that size is free."""


class Arena:
    """Who uses which part of a segment. Blocks are taken on one thread; their arrays may end on any.

    The front alone keeps these books: an owner reads and writes where it is told to, so there is no lock between
    processes that a killed one could leave closed.
    """

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self._free = [(0, segment.size)]  # (offset, size) in the order of the offsets, never two in touch
        self._lent: dict[int, tuple[int, weakref.ref[NDArray[Any]]]] = {}
        self._ended: deque[int] = deque()  # appended to by whichever thread drops the last array
        self._touched = 0

    def take(self, size: int) -> tuple[int, NDArray[np.uint8]]:
        """Lend a block.

        Args:
            size: in bytes, >= 1.

        Returns:
            Its offset in the segment, and (size,) uint8, itself no copy: the block is free again when this array and
            all views of it are gone.

        Raises:
            FullError: none is free.
        """
        self._collect()
        need = padded(size)
        index = next((i for i, (_, room) in enumerate(self._free) if room >= need), None)
        if index is None:
            raise FullError
        offset, room = self._free[index]
        self._free[index : index + 1] = [(offset + need, room - need)] if room > need else []
        block = self.segment.block(offset, size)
        self._lent[offset] = (need, weakref.ref(block, lambda _: self._ended.append(offset)))
        self._touched = max(self._touched, offset + need)
        return offset, block

    @property
    def lent(self) -> int:
        """Bytes that are lent."""
        self._collect()
        return sum(size for size, _ in self._lent.values())

    def _collect(self) -> None:
        while self._ended:
            offset = self._ended.popleft()
            self._give_back(offset, self._lent.pop(offset)[0])
        if not self._lent and self._touched > KEPT:
            self.segment.forget(KEPT)
            self._touched = KEPT

    def _give_back(self, offset: int, size: int) -> None:
        index = bisect.bisect(self._free, (offset, size))
        first, last = index, index
        if index and sum(self._free[index - 1]) == offset:
            first, offset, size = index - 1, self._free[index - 1][0], self._free[index - 1][1] + size
        if index < len(self._free) and self._free[index][0] == offset + size:
            last, size = index + 1, size + self._free[index][1]
        self._free[first:last] = [(offset, size)]
