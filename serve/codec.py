"""Requests -> blocks of images: the only place where what a caller sent becomes what a model takes.

Images of equal size in one request become one block, so that a request of many small images costs the
batcher one entry. Reading raw pixels copies nothing for one image; encoded ones cost a decode and are
read on a thread (`needs_thread`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from serve import image as pixels
from serve.blocks import MIN_COST, Block, Fit, Limits
from serve.errors import RequestError, Violation
from serve.pb.symae.v1 import symae_pb2 as pb

__all__ = ["check_counts", "needs_thread", "read_blocks", "wire_cost"]

Pixels = NDArray[np.uint8]


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
    # len() copies them, 0.03 ms a MB; ByteSize() would write the whole message, which takes 90 times as long
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
        array = _fitted(array, index, fit) if fit else array
        where, members, member_masks = groups.setdefault(array.shape, ([], [], []))
        where.append(index)
        members.append(array)
        member_masks.append(mask)
    return [Block(where, _stack(members), _stack_masks(found, members)) for where, members, found in groups.values()]


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


def _fitted(array: Pixels, index: int, fit: Fit) -> Pixels:
    try:
        return fit(array)
    except pixels.ImageError as error:
        raise _bad(f"images[{index}]", str(error)) from error


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


def _bad(field: str, description: str) -> RequestError:
    return RequestError(Violation(field, description))
