"""The rows of one part from its images: images of one size wait for each other until a batch is full.

Batches hold images of one part only, in an order that follows from the part alone. So whoever computes it - in one
go or resumed, one process or a cluster - gets the same, to the bit. A batch runs on a thread of its own while the next
is put together; two wait at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve import tiling
from serve.errors import FaultError
from serve.features.items import Item
from serve.features.job import ExtractOptions
from serve.features.rows import Rows
from serve.features.scaled import Sized
from serve.session import Session

__all__ = ["Advance", "Filling", "Read"]

AHEAD = 2
Advance = Callable[[int], None]
Shape = tuple[int, ...]
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Read:
    """An image of a part as read: pixels as the model takes them, or why there are none."""

    part: int
    row: int
    item: Item
    sized: Sized | None
    error: str = ""


class Filling:
    """Fills the rows of one part.

    Args:
        session: the encoder.
        rows: of the part.
        options: how.
        runner: one thread, on which the model runs.
        advance: called with each number of images that are done.
    """

    def __init__(
        self, session: Session, rows: Rows, options: ExtractOptions, runner: Executor, advance: Advance
    ) -> None:
        self._session, self._rows, self._runner, self._advance = session, rows, runner, advance
        self._batch, self._pixels, self._output = options.batch, options.batch_pixels, options.output
        self._waiting: dict[Shape, list[Read]] = {}
        self._held = 0
        self._running = deque[tuple[Sequence[Read], Future[Values]]]()

    def fill(self, reads: Iterable[Read]) -> None:
        """Take all images of the part."""
        for read in reads:
            if read.sized is None:
                self._fail(read, read.error)
                continue
            shape = read.sized.image.shape
            self._waiting.setdefault(shape, []).append(read)
            self._held += _area(shape)
            if len(self._waiting[shape]) >= self._room(shape):
                self._flush(shape)
            while self._held > self._pixels:
                self._flush(max(self._waiting, key=lambda shape: len(self._waiting[shape]) * _area(shape)))
        for shape in list(self._waiting):
            self._flush(shape)
        while self._running:
            self._settle()

    def _room(self, shape: Shape) -> int:
        return max(1, min(self._batch, self._pixels // _area(shape)))

    def _flush(self, shape: Shape) -> None:
        reads = self._waiting.pop(shape)
        self._held -= len(reads) * _area(shape)
        self._running.append((reads, self._runner.submit(self._compute, reads)))
        while len(self._running) > AHEAD:
            self._settle()

    def _settle(self) -> None:
        """Wait for the oldest batch and keep its rows; of one that failed, each image is tried alone."""
        reads, future = self._running.popleft()
        try:
            self._put(reads, future.result())
        except FaultError as fault:
            if len(reads) == 1:
                self._fail(reads[0], str(fault).splitlines()[0])
                return
            for read in reads:
                self._running.appendleft(([read], self._runner.submit(self._compute, [read])))
                self._settle()

    def _put(self, reads: Sequence[Read], values: Values) -> None:
        for read, value in zip(reads, values, strict=True):
            if read.sized is not None:
                self._rows.put(read.row, read.item.name, read.sized.width, read.sized.height, value)
        self._advance(len(reads))

    def _compute(self, reads: Sequence[Read]) -> Values:
        """Run images of one size; larger than one run may be, in tiles."""
        images = np.stack([read.sized.image for read in reads if read.sized is not None])
        metadata, (count, height, width) = self._session.metadata, images.shape[:3]
        tiles = tiling.plan(height, width, self._pixels, tiling.Reach.of(metadata))
        if len(tiles) == 1:
            return self._session.run((images,), (self._output,))[0]
        canvas = tiling.Canvas(tiles, count, (self._output,), metadata.stride)
        for index in range(count):
            for number, tile in enumerate(tiles):
                canvas.put(index, number, self._session.run(tiling.cut((images,), index, tile), canvas.asked))
        finished: Values = canvas.finished()[0]
        return finished

    def _fail(self, read: Read, error: str) -> None:
        self._rows.fail(read.row, read.item.name, error)
        self._advance(1)


def _area(shape: Shape) -> int:
    return shape[0] * shape[1]
