"""Wire <-> array: the only place where a message becomes pixels and pixels become a message.

Images of equal size in one request become one block, so that a request of many small images costs the
batcher one entry. Reading raw pixels copies nothing for one image; encoded ones cost a decode and are
read on a thread (`needs_thread`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve import image as pixels
from serve.blocks import MIN_COST, Block, Fit, Limits
from serve.errors import RequestError, UnsupportedError, Violation
from serve.pb.symae.v1 import symae_pb2 as pb

__all__ = [
    "check_counts",
    "from_picture",
    "from_tensor",
    "image_message",
    "mask_message",
    "needs_thread",
    "read_blocks",
    "to_pictures",
    "to_tensor",
    "wire_cost",
]

JPEG_QUALITY = 90
_FORMATS: dict[int, tuple[str, dict[str, Any]]] = {
    pb.ENCODING_PNG: ("PNG", {"compress_level": 3}),  # level 6 is 3 times slower and 5 per cent smaller
    pb.ENCODING_JPEG: ("JPEG", {"quality": JPEG_QUALITY}),
    pb.ENCODING_WEBP: ("WEBP", {"lossless": True, "quality": 0, "method": 0}),
}
_RAW = (pb.ENCODING_UNSPECIFIED, pb.ENCODING_RAW)

Pixels = NDArray[np.uint8]
Source = Pixels | bytes | Path


def check_counts(images: Sequence[pb.Image], masks: Sequence[pb.Mask], limits: Limits) -> None:
    """Refuse too few or too many before anything is done for each of them.

    Raises:
        RequestError: no image, too many, or masks that are not one for each.
    """
    count = len(images)
    if not count:
        raise _bad("images", "at least one image is needed, got none")
    if count > limits.images:
        raise _bad("images", f"at most {limits.images} images in one request, got {count}")
    if len(masks) not in (0, count):
        raise _bad("masks", f"either none or one for each image, got {len(masks)} masks for {count} images")


def needs_thread(images: Iterable[pb.Image], masks: Iterable[pb.Mask] = ()) -> bool:
    """Tell whether reading takes longer than it takes to hand it to a thread."""
    return any(i.HasField("encoded") for i in images) or any(m.HasField("encoded") for m in masks)


def wire_cost(images: Sequence[pb.Image]) -> int:
    """Pixels that the queue reserves before the images are read: for an encoded one, the bytes it occupies."""
    cost: int = 0
    for image in images:
        raw = image.raw if image.HasField("raw") else None
        cost += max(MIN_COST, len(image.encoded) if raw is None else raw.height * raw.width)
    return cost


def read_blocks(
    images: Sequence[pb.Image],
    masks: Sequence[pb.Mask] = (),
    *,
    channels: int,
    limits: Limits,
    fit: Fit | None = None,
) -> list[Block]:
    """Read the images of a request and group those of equal size, in the order of first appearance.

    Args:
        images: as many as `check_counts` let through.
        masks: none, or one for each image.
        channels: C of the model.
        limits: what one request may hold.
        fit: brings each image to the model's size; not used together with masks.

    Raises:
        RequestError: an image is too large, corrupt, of other channels, or of a length that is not its
            shape's; a mask is not of its image's size.
    """
    left, groups = limits.pixels, dict[tuple[int, ...], tuple[list[int], list[Pixels], list[Pixels | None]]]()
    for index, message in enumerate(images):
        array = _read_image(message, index, channels, min(limits.image_pixels, left))
        mask = _read_mask(masks[index], index, array.shape) if masks else None
        left -= array.shape[0] * array.shape[1]
        array = fit(array) if fit else array
        where, members, member_masks = groups.setdefault(array.shape, ([], [], []))
        where.append(index)
        members.append(array)
        member_masks.append(mask)
    return [Block(where, _stack(members), _stack_masks(found, members)) for where, members, found in groups.values()]


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
        raise _bad("images", f"expected (H, W), (H, W, 1) or (H, W, 3) uint8, got {source.shape} {source.dtype}")
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


def _read_image(message: pb.Image, index: int, channels: int, max_pixels: int) -> Pixels:
    if message.HasField("raw"):
        return _read_raw(message.raw, f"images[{index}].raw", channels, max_pixels)
    if not message.HasField("encoded"):
        raise _bad(f"images[{index}]", "empty: expected encoded or raw")
    try:
        return pixels.decode(message.encoded, channels=channels, max_pixels=max_pixels)
    except pixels.ImageError as error:
        raise _bad(f"images[{index}].encoded", str(error)) from error


def _read_raw(raw: pb.RawImage, field: str, channels: int, max_pixels: int) -> Pixels:
    shape = (raw.height, raw.width, raw.channels)
    if raw.channels != channels:
        raise _bad(f"{field}.channels", f"this model takes {channels}, got {raw.channels}")
    if not raw.height or not raw.width:
        raise _bad(field, f"height and width must be at least 1, got {raw.height} x {raw.width}")
    if raw.height * raw.width > max_pixels:
        raise _bad(field, f"{raw.height} x {raw.width} pixels are more than the limit of {max_pixels}")
    data = raw.data  # one access, one copy
    if len(data) != math.prod(shape):
        raise _bad(f"{field}.data", f"expected {math.prod(shape)} bytes for {shape}, got {len(data)}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read_mask(message: pb.Mask, index: int, shape: tuple[int, ...]) -> Pixels | None:
    size = shape[:2]
    if message.HasField("raw"):
        data = message.raw
        if len(data) != math.prod(size):
            raise _bad(f"masks[{index}].raw", f"expected {math.prod(size)} bytes for {size}, got {len(data)}")
        return np.frombuffer(data, np.uint8).reshape(size)
    if not message.HasField("encoded"):
        return None
    try:
        mask = pixels.decode(message.encoded, channels=1, max_pixels=math.prod(size))[:, :, 0]
    except pixels.ImageError as error:
        raise _bad(f"masks[{index}].encoded", str(error)) from error
    if mask.shape != size:
        raise _bad(f"masks[{index}].encoded", f"expected the image's {size} (H, W), got {mask.shape}")
    return mask


def _stack(members: list[Pixels]) -> Pixels:
    return members[0][None] if len(members) == 1 else np.stack(members)


def _stack_masks(found: list[Pixels | None], members: list[Pixels]) -> Pixels | None:
    if all(mask is None for mask in found):
        return None
    return np.stack([np.zeros(a.shape[:2], np.uint8) if m is None else m for m, a in zip(found, members, strict=True)])


def _encode(array: Pixels, encoding: int) -> bytes:
    name, options = _FORMATS[encoding]
    file = io.BytesIO()
    Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0]).save(file, name, **options)
    return file.getvalue()


def _bad(field: str, description: str) -> RequestError:
    return RequestError(Violation(field, description))
