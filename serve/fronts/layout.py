"""How the arrays of one work lie in a block of shared memory.

Fronts and owners both reckon it from what the model says of itself, so that a message need only say where the block
begins, and cannot say anything that does not fit together.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.fronts.segment import PlaceError, padded
from serve.metadata import ModelMetadata
from serve.tensors import inputs_of, outputs_of

__all__ = ["Layout", "Layouts", "Place"]

Array = NDArray[Any]
TYPES: dict[str, np.dtype[Any]] = {"UINT8": np.dtype(np.uint8), "FP32": np.dtype(np.float32)}
REMEMBERED = 256  # sizes of images and sets of outputs


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a block an array lies.

    Attributes:
        offset: in bytes.
        dtype, shape: of the array.
    """

    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def of(self, block: NDArray[np.uint8]) -> Array:
        """See the array; not a copy."""
        return np.ndarray(self.shape, self.dtype, block, self.offset)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the arrays of one work lie.

    Attributes:
        inputs: in the order of the graph.
        results: in the order in which they are wanted.
        nbytes: of the block.
    """

    inputs: tuple[Place, ...]
    results: tuple[Place, ...]
    nbytes: int

    def arrays(self, block: NDArray[np.uint8]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """See inputs and results in a block."""
        return tuple(place.of(block) for place in self.inputs), tuple(place.of(block) for place in self.results)


class Layouts:
    """The layouts of one model.

    Attributes:
        of: from the names of the outputs and (n, H, W), the number of images and their size in pixels, to the layout.
            PlaceError: the model has no such outputs, or there is no image, or one without a size.
    """

    def __init__(self, metadata: ModelMetadata) -> None:
        self._inputs = inputs_of(metadata)
        self._outputs = {tensor.name: tensor for tensor in outputs_of(metadata)}
        self.of = functools.lru_cache(REMEMBERED)(self._lay)

    def _lay(self, outputs: Sequence[str], size: tuple[int, int, int]) -> Layout:
        if min(size) < 1 or not outputs or not set(outputs) <= set(self._outputs):
            raise PlaceError(f"no work: {outputs} of {size}")
        places, offset = list[Place](), 0
        for tensor in (*self._inputs, *(self._outputs[name] for name in outputs)):
            dtype, shape = TYPES[tensor.datatype], tensor.shape(*size)
            places.append(Place(offset, dtype, shape))
            offset += padded(math.prod(shape) * dtype.itemsize)
        count = len(self._inputs)
        return Layout(tuple(places[:count]), tuple(places[count:]), offset)
