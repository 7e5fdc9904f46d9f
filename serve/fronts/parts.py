"""Arrays on their way into and out of shared memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.batching.batcher import Done

__all__ = ["Parts", "copy_all"]

Array = NDArray[Any]


def copy_all(places: Sequence[Array], arrays: Sequence[Array]) -> None:
    """Copy each array to its place, of the same shape and type."""
    for place, array in zip(places, arrays, strict=True):
        np.copyto(place, array)


class Parts:
    """Puts the results of a block's parts together, outside of the shared memory."""

    def __init__(self, count: int) -> None:
        self._count, self._first = count, 0
        self._queue: float | None = None
        self._run = 0.0
        self._outputs: tuple[Array, ...] = ()

    def add(self, part: Done) -> None:
        """Take the next part."""
        if self._queue is None:
            self._queue = part.queue
            self._outputs = tuple(np.empty((self._count, *array.shape[1:]), array.dtype) for array in part.outputs)
        last = self._first + len(part.outputs[0])
        copy_all([array[self._first : last] for array in self._outputs], part.outputs)
        self._first, self._run = last, self._run + part.run

    def done(self) -> Done:
        """Give all."""
        return Done(self._outputs, self._queue or 0.0, self._run)
