"""Arrays <-> messages: pictures, masks and tensors as they travel."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.errors import RequestError, UnsupportedError, Violation
from serve.pb.symae.v1 import symae_pb2 as pb

__all__ = ["from_picture", "from_tensor", "image_message", "mask_message", "to_pictures", "to_tensor"]

JPEG_QUALITY = 90
_FORMATS: dict[int, tuple[str, dict[str, Any]]] = {
    pb.ENCODING_PNG: ("PNG", {"compress_level": 3}),  # level 6 is 3 times slower and 5 per cent smaller
    pb.ENCODING_JPEG: ("JPEG", {"quality": JPEG_QUALITY}),
    pb.ENCODING_WEBP: ("WEBP", {"lossless": True, "quality": 0, "method": 0}),
}
_RAW = (pb.ENCODING_UNSPECIFIED, pb.ENCODING_RAW)

Pixels = NDArray[np.uint8]
Source = Pixels | bytes | Path


def to_pictures(arrays: Iterable[Pixels], encoding: int) -> list[pb.Image]:
    """Write pictures in an encoding of the wire.

    Args:
        arrays: each (H, W, C) uint8 with C 1 or 3.
        encoding: a value of the wire's Encoding.

    Raises:
        UnsupportedError: an encoding that is not known here.
    """
    if encoding in _RAW:
        return [
            pb.Image(raw=pb.RawImage(data=a.tobytes(), height=a.shape[0], width=a.shape[1], channels=a.shape[2]))
            for a in arrays
        ]
    if encoding not in _FORMATS:
        raise UnsupportedError(f"no encoding {encoding}, expected one of {', '.join(pb.Encoding.keys()[1:])}")
    return [pb.Image(encoded=_encode(array, encoding)) for array in arrays]


def to_tensor(array: NDArray[np.float32]) -> pb.FloatTensor:
    """Write numbers of any shape."""
    return pb.FloatTensor(shape=array.shape, data=array.astype("<f4", copy=False).tobytes())


def from_tensor(message: pb.FloatTensor) -> NDArray[np.float32]:
    """Read numbers; the array is not writable."""
    return np.frombuffer(message.data, "<f4").reshape(tuple(message.shape))


def from_picture(message: pb.Image) -> Pixels:
    """Read a picture of a response: (H, W, C) uint8, of the channels that it was written with."""
    if message.HasField("raw"):
        raw = message.raw
        return np.frombuffer(raw.data, np.uint8).reshape(raw.height, raw.width, raw.channels)
    with Image.open(io.BytesIO(message.encoded)) as picture:
        array = np.array(picture, np.uint8)
    return array[:, :, None] if array.ndim == 2 else array


def image_message(source: Source) -> pb.Image:
    """Write an image of a request.

    Args:
        source: (H, W), (H, W, 1) or (H, W, 3) uint8; or the bytes of an image file; or its path.

    Raises:
        RequestError: an array of another dtype or shape.
        OSError: the file cannot be read.
    """
    if isinstance(source, Path):
        return pb.Image(encoded=source.read_bytes())
    if isinstance(source, bytes):
        return pb.Image(encoded=source)
    array = source[:, :, None] if source.ndim == 2 else source
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3):
        rule = f"expected (H, W), (H, W, 1) or (H, W, 3) uint8, got {source.shape} {source.dtype}"
        raise RequestError(Violation("images", rule))
    return to_pictures([array], pb.ENCODING_RAW)[0]


def mask_message(source: Source | None) -> pb.Mask:
    """Write a mask of a request.

    Args:
        source: (H, W) uint8 or bool, non-zero = missing; or a picture's bytes or path; None: nothing is missing.
    """
    if source is None:
        return pb.Mask()
    if isinstance(source, Path):
        return pb.Mask(encoded=source.read_bytes())
    if isinstance(source, bytes):
        return pb.Mask(encoded=source)
    return pb.Mask(raw=(source != 0).astype(np.uint8).tobytes())


def _encode(array: Pixels, encoding: int) -> bytes:
    name, options = _FORMATS[encoding]
    file = io.BytesIO()
    Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0]).save(file, name, **options)
    return file.getvalue()
