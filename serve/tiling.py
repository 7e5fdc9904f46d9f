"""Images of any size in bounded memory: which tiles an image is cut into, and how their outputs become its own.

A convolutional network sees no further than its halo, so a tile that is cut with that much around it gives, in its
middle, what the whole image would give. Three things make that exact. Tiles are windows of the image, never padded:
layers pad with zeros after normalisation, which no value of a pixel imitates, so at the image's border a tile must
end where the image does; a network that mirrors its lower and right edge then has the same rows to mirror. They begin
at multiples of the stride, so that every map inside the network falls on the same grid; that is why the halo is rounded
up to the stride. And all have one shape, the last being moved inwards, so that they run together and a runtime that
prepares each shape prepares one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.metadata import ModelMetadata

__all__ = ["VECTOR", "Canvas", "Reach", "Span", "Tile", "cut", "plan"]

Array = NDArray[Any]
LEAST = 4  # halos: a smaller tile would be computed more than four times over, its halo being shared by so few pixels
MAP, VECTOR = "feature_map", "embedding"
ROWS = {"reconstruction": 1, "labels": 1, "probabilities": 2, MAP: 2}  # output -> the axis that is H; W is the next


@dataclass(frozen=True, slots=True)
class Reach:
    """How a network looks at an image.

    Attributes:
        stride: pixels between two positions of its coarsest map, >= 1.
        halo: pixels on each side of a place that can influence the output there, >= 0.
    """

    stride: int
    halo: int

    @classmethod
    def of(cls, metadata: ModelMetadata) -> Reach:
        """Read what a model says; a classifier's has no meaning, since it pools over whole images."""
        return cls(metadata.stride, metadata.halo)

    @property
    def margin(self) -> int:
        """The halo rounded up to the stride, in pixels."""
        return _up(self.halo, self.stride)


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a tile, in pixels of the image.

    Attributes:
        start, stop: what the network is given.
        first, last: that of it whose outputs are those of the whole image, and are kept; `last` is excluded.
    """

    start: int
    stop: int
    first: int
    last: int

    def given(self) -> slice:
        """What to cut out of the image."""
        return slice(self.start, self.stop)

    def kept(self, unit: int) -> slice:
        """Where in the image's output, one position of which is `unit` pixels, the kept part lies."""
        return slice(self.first // unit, -(-self.last // unit))

    def middle(self, unit: int) -> slice:
        """Where in the tile's output it lies."""
        kept, begin = self.kept(unit), self.start // unit
        return slice(kept.start - begin, kept.stop - begin)


@dataclass(frozen=True, slots=True)
class Tile:
    """A window of an image."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> int:
        """That the network is given."""
        return (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)


def plan(height: int, width: int, limit: int, reach: Reach) -> tuple[Tile, ...]:
    """Cut an image into tiles of one shape, row by row.

    Args:
        height, width: of the image, >= 1.
        limit: most pixels of a tile, >= 1. It is exceeded where four halos are more.
        reach: how the network looks at it.

    Returns:
        Tiles whose kept parts cover the image once; a single one, the image itself, where it is small enough.
    """
    if height * width <= limit:
        return (Tile(_whole(height), _whole(width)),)
    if height > width:
        turned = plan(width, height, limit, reach)
        return tuple(sorted((Tile(t.columns, t.rows) for t in turned), key=lambda t: (t.rows.start, t.columns.start)))
    rows = _spans(height, math.isqrt(limit), reach)
    columns = _spans(width, limit // (rows[0].stop - rows[0].start), reach)
    return tuple(Tile(row, column) for row in rows for column in columns)


def cut(arrays: Sequence[Array], index: int, tile: Tile) -> tuple[Array, ...]:
    """Copy a window of one image, and of its mask, out of a block: (n, H, W, ...) to (1, h, w, ...)."""
    return tuple(np.ascontiguousarray(a[index : index + 1, tile.rows.given(), tile.columns.given()]) for a in arrays)


class Canvas:
    """Takes the outputs of the tiles of equally large images and gives those of the images. Safe between threads.

    An embedding is the mean over a map, which no mean of means over tiles is: the map is asked for instead, and the
    positions that each tile keeps are added up, in the order of the tiles whichever is done first.

    Args:
        tiles: what each image is cut into.
        count: n, the number of images.
        outputs: names of what is wanted of them.
        stride: pixels for one position of a feature map.

    Attributes:
        asked: names of what the tiles' runs must give.
    """

    def __init__(self, tiles: Sequence[Tile], count: int, outputs: Sequence[str], stride: int) -> None:
        self.asked = tuple(dict.fromkeys(MAP if name == VECTOR else name for name in outputs))
        self._tiles, self._count, self._outputs, self._stride = tiles, count, outputs, stride
        self._made: dict[str, Array] = {}
        self._lock = threading.Lock()

    def put(self, index: int, number: int, arrays: Sequence[Array]) -> None:
        """Take what a run gave.

        Args:
            index: of the image.
            number: of the tile.
            arrays: one (1, ...) for each name that was `asked` for.
        """
        tile = self._tiles[number]
        for name, array in zip(self.asked, arrays, strict=True):
            unit, before = self._unit(name), (slice(None),) * (ROWS[name] - 1)
            middle = array[0][(*before, tile.rows.middle(unit), tile.columns.middle(unit))]
            if name in self._outputs:
                place = (*before, tile.rows.kept(unit), tile.columns.kept(unit))
                self._array(name, self._shape(name, array), array.dtype)[index][place] = middle
            if name == MAP and VECTOR in self._outputs:
                sums = self._array(VECTOR, (self._count, len(self._tiles), len(middle)), np.dtype(np.float64))
                sums[index, number] = middle.sum((1, 2), dtype=np.float64)

    def finished(self) -> tuple[Array, ...]:
        """Give the outputs of the images, (n, ...) for each name that was wanted."""
        return tuple(self._mean() if name == VECTOR else self._made[name] for name in self._outputs)

    def _mean(self) -> Array:
        height, width = self._size(self._unit(MAP))
        mean: Array = self._made[VECTOR].sum(1) / (height * width)
        return mean.astype(np.float32)

    def _unit(self, name: str) -> int:
        return self._stride if name == MAP else 1

    def _size(self, unit: int) -> tuple[int, int]:
        last = self._tiles[-1]
        return -(-last.rows.stop // unit), -(-last.columns.stop // unit)

    def _shape(self, name: str, array: Array) -> tuple[int, ...]:
        axis = ROWS[name]
        return (self._count, *array.shape[1:axis], *self._size(self._unit(name)), *array.shape[axis + 2 :])

    def _array(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        with self._lock:
            if name not in self._made:
                self._made[name] = np.empty(shape, dtype)
            return self._made[name]


def _whole(length: int) -> Span:
    return Span(0, length, 0, length)


def _spans(length: int, side: int, reach: Reach) -> list[Span]:
    """Cut one axis into equal windows of at most `side` pixels, or four halos; each keeps all but its margins."""
    stride, margin = reach.stride, reach.margin
    rest = length % stride  # windows begin on the grid and the last ends with the image: all end `rest` beyond it
    inner = length - rest - 2 * margin  # what the steps from one window to the next must cover
    most = max(_down(side - rest - 2 * margin, stride), (LEAST - 2) * margin, stride)
    count = max(1, -(-inner // most))
    if count == 1:
        return [_whole(length)]
    step = _up(-(-inner // count), stride)
    side = step + 2 * margin + rest
    starts = [min(number * step, length - side) for number in range(count)]
    edges = [0, *(start + margin for start in starts[1:]), length]
    return [
        Span(start, start + side, first, last) for start, first, last in zip(starts, edges[:-1], edges[1:], strict=True)
    ]


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _down(value: int, step: int) -> int:
    return value // step * step
