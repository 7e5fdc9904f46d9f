"""The input tensors of a ModelInferRequest, checked: raw or typed, pixels or encoded images."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.blocks import MIN_COST, Limits
from serve.errors import RequestError, Violation
from serve.tensors import Tensor

__all__ = ["Pixels", "Received", "bad", "clip", "receive"]

LONGEST_NAME = 100  # characters of a caller's text in a message
CONTENTS = {"UINT8": "uint_contents", "BYTES": "bytes_contents"}

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Received:
    """One input.

    Attributes:
        field: as the caller's errors name it.
        shape: as sent: (N, H, W, C) or (N, H, W) of pixels, (N,) of encoded images.
        encoded: the N files; None: they are pixels.
        data: the pixels, raw or as numbers.
        typed: they are numbers, which takes long to read.
    """

    field: str
    shape: tuple[int, ...]
    encoded: Sequence[bytes] | None = None
    data: Any = None
    typed: bool = False

    @property
    def count(self) -> int:
        """N."""
        return self.shape[0]

    @property
    def cost(self) -> int:
        """Pixels that the queue holds until it is read: for an encoded image, the bytes it occupies."""
        if self.encoded is None:
            return self.count * max(MIN_COST, self.shape[1] * self.shape[2])
        return sum(max(MIN_COST, len(data)) for data in self.encoded)

    def pixels(self) -> Pixels:
        """Read the pixels, of its shape; not to be written to.

        Raises:
            RequestError: a number is above 255.
        """
        if not self.typed:
            return np.frombuffer(self.data, np.uint8).reshape(self.shape)
        numbers = np.fromiter(self.data, np.uint32, len(self.data))
        if numbers.max() > 255:
            raise bad(f"{self.field}.contents", f"expected UINT8 values of at most 255, got {numbers.max()}")
        return numbers.astype(np.uint8).reshape(self.shape)


def receive(request: Any, known: Sequence[Tensor], limits: Limits) -> dict[str, Received]:
    """Check the inputs of a request.

    Args:
        request: a ModelInferRequest with at most as many inputs as are known.
        known: what the model takes; all but the first may be missing.
        limits: what one request may hold.

    Raises:
        RequestError: a name, type, shape or length is not as it must be.
    """
    tensors = {tensor.name: tensor for tensor in known}
    raw = _raw_contents(request)
    received: dict[str, Received] = {}
    for index, sent in enumerate(request.inputs):
        field = f"inputs[{index}]"
        if sent.name not in tensors:
            raise bad(f"{field}.name", f"this model takes {', '.join(tensors)}, got {clip(sent.name)!r}")
        if sent.name in received:
            raise bad(f"{field}.name", f"{sent.name!r} is there twice")
        received[sent.name] = _receive(sent, field, tensors[sent.name], raw[index] if raw else None, limits)
    if known[0].name not in received:
        raise bad("inputs", f"{known[0].name!r} is missing")
    return received


def bad(field: str, description: str) -> RequestError:
    """Make the error of one field."""
    return RequestError(Violation(field, description))


def clip(text: str) -> str:
    """Shorten what a caller sent, for a message."""
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."


def _raw_contents(request: Any) -> list[bytes]:
    """Read the raw contents once: each access of such a field copies it."""
    count = len(request.raw_input_contents)
    if not count:
        return []
    if count != len(request.inputs):
        raise bad("raw_input_contents", f"expected none or one for each of {len(request.inputs)} inputs, got {count}")
    for index, tensor in enumerate(request.inputs):
        if tensor.HasField("contents") and tensor.contents.ListFields():
            raise bad(f"inputs[{index}].contents", "must be empty where raw_input_contents are sent")
    return list(request.raw_input_contents)


def _receive(sent: Any, field: str, known: Tensor, raw: bytes | None, limits: Limits) -> Received:
    shape = _shape(sent, field, known, limits)
    place = f"raw_input_contents[{field[7:-1]}]" if raw is not None else f"{field}.contents"
    if sent.datatype == "BYTES":
        encoded = _elements(raw, shape[0], place) if raw is not None else _typed(sent, "BYTES", shape[0], place)
        return Received(field, shape[:1], encoded=list(encoded))
    length = math.prod(shape)
    if raw is None:
        return Received(field, shape, data=_typed(sent, "UINT8", length, place), typed=True)
    if len(raw) != length:
        raise bad(place, f"expected {length} bytes for {list(shape)}, got {len(raw)}")
    return Received(field, shape, data=raw)


def _shape(sent: Any, field: str, known: Tensor, limits: Limits) -> tuple[int, ...]:
    """Check datatype and shape; a shape is unbounded in length and in value before this."""
    if sent.datatype not in CONTENTS:
        raise bad(f"{field}.datatype", f"expected UINT8, or BYTES for encoded images, got {clip(sent.datatype)!r}")
    pixels = sent.datatype == "UINT8"
    dims = known.dims if pixels else (1,) * (len(sent.shape) == 2)
    expected = f"[N, H, W{''.join(f', {dim}' for dim in dims[2:])}]" if pixels else "[N] or [N, 1]"
    if len(sent.shape) != 1 + len(dims):
        raise bad(f"{field}.shape", f"expected {expected}, got {len(sent.shape)} dimensions")
    shape = tuple(sent.shape)
    if any(side < 1 or dim not in (-1, side) for side, dim in zip(shape, (-1, *dims), strict=True)):
        raise bad(f"{field}.shape", f"expected {expected}, each at least 1, got {list(shape)}")
    if shape[0] > limits.images:
        raise bad(f"{field}.shape", f"at most {limits.images} images in one request, got {shape[0]}")
    if pixels and shape[1] * shape[2] > limits.image_pixels:
        rule = f"{shape[1]} x {shape[2]} pixels are more than the limit of {limits.image_pixels}"
        raise bad(f"{field}.shape", rule)
    return shape


def _typed(sent: Any, datatype: str, count: int, place: str) -> Any:
    name = CONTENTS[datatype]
    others = [field.name for field, _ in sent.contents.ListFields() if field.name != name]
    if others:
        raise bad(place, f"expected {name} for {datatype}, got {', '.join(others)}")
    values = getattr(sent.contents, name)
    if len(values) != count:
        raise bad(f"{place}.{name}", f"expected {count} values for its shape, got {len(values)}")
    return values


def _elements(raw: bytes, count: int, place: str) -> list[bytes]:
    """Take BYTES apart: each element has its length before it, 4 bytes little-endian."""
    elements, at = list[bytes](), 0
    for index in range(count):
        if at + 4 > len(raw):
            raise bad(place, f"expected {count} elements, it ends before number {index}")
        (length,) = struct.unpack_from("<I", raw, at)
        at += 4 + length
        if at > len(raw):
            raise bad(place, f"element {index} has {length} bytes by its length, {len(raw) - at + length} are there")
        elements.append(raw[at - length : at])
    if at != len(raw):
        raise bad(place, f"{len(raw) - at} bytes follow the {count} elements of its shape")
    return elements
