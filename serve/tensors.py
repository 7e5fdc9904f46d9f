"""Names, types and shapes of what each kind of model takes and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

from serve.metadata import ModelMetadata

__all__ = ["NUMPY_TYPES", "Tensor", "inputs_of", "outputs_of"]

ITEM_SIZE = {"UINT8": 1, "FP32": 4}
NUMPY_TYPES = {"UINT8": "uint8", "FP32": "float32"}


@dataclass(frozen=True)
class Tensor:
    """One input or output of a model.

    Attributes:
        name: in the graph.
        datatype: "UINT8" or "FP32".
        dims: its shape without the first axis, the images; -1 where it depends on their size.
        unit: pixels of the image for one position of an axis that depends on its size.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]
    unit: int = 1

    @property
    def follows_size(self) -> bool:
        """Whether images of two sizes give arrays of two shapes."""
        return -1 in self.dims

    def shape(self, images: int, height: int, width: int) -> tuple[int, ...]:
        """Its shape for images of a size."""
        sides = iter((-(-height // self.unit), -(-width // self.unit)))
        return (images, *(next(sides) if dim == -1 else dim for dim in self.dims))

    def nbytes(self, images: int, height: int, width: int) -> int:
        """Bytes that it takes for images of a size."""
        return math.prod(self.shape(images, height, width)) * ITEM_SIZE[self.datatype]


def inputs_of(metadata: ModelMetadata) -> tuple[Tensor, ...]:
    """List what a model takes, in the order of its graph."""
    image = Tensor("image", "UINT8", (-1, -1, metadata.channels))
    return (image, Tensor("mask", "UINT8", (-1, -1))) if metadata.kind == "autoencoder" else (image,)


def outputs_of(metadata: ModelMetadata) -> tuple[Tensor, ...]:
    """List what a model gives, in the order of its graph."""
    size, classes = metadata.embedding_size, len(metadata.classes)
    if metadata.kind == "autoencoder":
        return (Tensor("reconstruction", "UINT8", (-1, -1, metadata.channels)),)
    if metadata.kind == "encoder":
        feature_map = Tensor("feature_map", "FP32", (size, -1, -1), metadata.stride)
        return (Tensor("embedding", "FP32", (size,)), feature_map)
    if metadata.kind == "classifier":
        return (Tensor("probabilities", "FP32", (classes,)),)
    return (Tensor("labels", "UINT8", (-1, -1)), Tensor("probabilities", "FP32", (classes, -1, -1)))
