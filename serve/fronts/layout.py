"""How the arrays of one work lie in a block of shared memory.

Fronts and owners both reckon it from what the model says of itself, so that a message need only say where the block
begins, and cannot say anything that does not fit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve.fronts.segment import Place, PlaceError, padded
from serve.metadata import ModelMetadata
from serve.tensors import inputs_of, outputs_of

__all__ = ["Layout", "lay"]

TYPES = {"UINT8": 0, "FP32": 1}  # -> index in serve.fronts.segment.DTYPES


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


def lay(metadata: ModelMetadata, outputs: Sequence[str], size: tuple[int, int, int], offset: int = 0) -> Layout:
    """Place inputs and outputs one after another.

    Args:
        metadata: of the model.
        outputs: names of what to compute.
        size: (n, H, W), the number of images and their size in pixels.
        offset: where to begin.

    Raises:
        PlaceError: the model has no such output.
    """
    by_name = {tensor.name: tensor for tensor in outputs_of(metadata)}
    if unknown := set(outputs) - set(by_name):
        raise PlaceError(f"no outputs {sorted(unknown)}")
    places, inputs, first = list[Place](), inputs_of(metadata), offset
    for tensor in (*inputs, *(by_name[name] for name in outputs)):
        places.append(Place(offset, TYPES[tensor.datatype], tensor.shape(*size)))
        offset += padded(places[-1].nbytes)
    return Layout(tuple(places[: len(inputs)]), tuple(places[len(inputs) :]), offset - first)
