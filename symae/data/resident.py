"""A data set that fits lives on the device, decoded once; crops and flips are one gather a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from symae.data.batch import Batch, decode_ahead, none_readable
from symae.data.crops import Draws, is_map
from symae.data.dataset import Dataset, Example, Target, UnreadableImage

__all__ = ["ResidentImages", "load_resident"]

log = logging.getLogger(__name__)

PROBES = 16  # images looked at, evenly spread, before all are decoded


@dataclass(frozen=True)
class ResidentImages:
    """All images of a data set on the device, the pixels of each row by row, one image behind the other.

    Attributes:
        pixels: (C, P) uint8, of P pixels in all.
        targets: (N,) int64 | (N, K) uint8 | None.
        maps: (P,) uint8, the class of each pixel | None.
        places: (N, 3) int64 on the CPU: where an image begins, its height and its width.
        rows: (N,) int64 on the CPU, the image that stands for each example: its own, or the next readable one.
        side: of the crops.
    """

    pixels: Tensor
    targets: Tensor | None
    maps: Tensor | None
    places: Tensor
    rows: Tensor
    side: int

    def batches(self, draws: Iterator[Draws]) -> Iterator[Batch]:
        """Make the batches that were drawn; no step waits for the one before."""
        return map(self._batch, draws)

    def _batch(self, draws: Draws) -> Batch:
        device, rows = self.pixels.device, self.rows[draws.indices]
        begins, heights, widths = self.places[rows].unbind(1)
        corners = (
            begins + _offsets(draws.tops, heights - self.side) * widths + _offsets(draws.lefts, widths - self.side)
        )
        told = torch.stack([corners, widths, draws.flips.long(), rows]).to(device, non_blocking=True)
        corners, widths, flips, rows = told[:, :, None, None]  # (B, 1, 1) each
        steps = torch.arange(self.side, device=device)
        across = torch.where(flips > 0, steps.flip(0), steps)  # (B, 1, S)
        index = corners + steps[:, None] * widths + across  # (B, S, S)
        images = torch.stack([plane[index] for plane in self.pixels], 1)
        if self.maps is not None:
            return Batch(images, self.maps[index])
        return Batch(images, None if self.targets is None else self.targets[rows[:, 0, 0]])


def load_resident(
    dataset: Dataset,
    *,
    crop: int,
    resize: int | None,
    device: torch.device,
    limit: int,
    unreadable: dict[str, str],
    progress: Callable[[int, int], None] | None = None,
) -> ResidentImages | None:
    """Decode a whole data set onto the device, if it fits.

    Args:
        dataset: any.
        crop: side of the crops.
        resize: shorter side before the crop, see `fit`.
        device: where the images go.
        limit: most bytes that they may take; of a GPU's memory, a quarter of what is free at most.
        unreadable: path -> cause; what cannot be read is noted here.
        progress: called with (images done, images in all).

    Returns:
        None if it does not fit.

    Raises:
        DataError: not one image can be read.
    """
    count = len(dataset)
    if device.type == "cuda":
        limit = min(limit, torch.cuda.mem_get_info(device)[0] // 4)
    room = _room(dataset, limit)
    # Each image is at least a crop, so a large data set is told without decoding any of it.
    if count * crop * crop > room or not _seems_to_fit(dataset, crop, resize, room):
        return None
    shelf: _Shelf | None = None
    failure = UnreadableImage("", "")
    for index, found in decode_ahead(dataset, range(count), crop, resize):
        if isinstance(found, UnreadableImage):
            unreadable[found.path], failure = found.cause, found
            continue
        try:
            shelf = shelf or _Shelf(count, room, found)
        except MemoryError:  # of a system that promises no memory before it is used
            return None
        if not shelf.put(index, found):
            log.info("%d images do not fit into %d MiB as pixels: they stream", count, limit >> 20)
            return None
        if progress is not None:
            progress(index + 1, count)
    if shelf is None:
        raise none_readable(dataset, failure)
    return shelf.on(device, crop)


class _Shelf:
    """Room for all images; NumPy, since a tensor operation for every small image costs more than its decoding."""

    def __init__(self, count: int, room: int, first: Example) -> None:
        self.pixels = np.empty((first.image.shape[2], room), np.uint8)  # memory is taken when it is written to
        self.places = np.zeros((count, 3), np.int64)
        self.used = 0
        self.targets: NDArray[Any] | None = None
        self.maps = np.empty(room, np.uint8) if is_map(first.target) else None
        if self.maps is None and first.target is not None:
            kind = np.int64 if isinstance(first.target, int) else np.uint8
            self.targets = np.zeros((count, *np.shape(first.target)), kind)

    def put(self, index: int, example: Example) -> bool:
        """Keep an example; False if there is no room for it, or it is not like the others."""
        height, width, channels = example.image.shape
        begin, end = self.used, self.used + height * width
        if end > self.pixels.shape[1] or channels != len(self.pixels) or is_map(example.target) == (self.maps is None):
            return False
        self.pixels[:, begin:end] = example.image.reshape(-1, len(self.pixels)).T
        self.places[index], self.used = (begin, height, width), end
        if self.maps is not None and is_map(example.target):
            self.maps[begin:end] = example.target.ravel()
        elif self.targets is not None:
            self.targets[index] = example.target
        return True

    def on(self, device: torch.device, side: int) -> ResidentImages:
        """Bring everything onto the device."""
        known = np.flatnonzero(self.places[:, 1])
        rows = known[np.searchsorted(known, np.arange(len(self.places))) % len(known)]  # the next readable one
        return ResidentImages(
            _moved(torch.from_numpy(self.pixels[:, : self.used]), device),
            None if self.targets is None else torch.from_numpy(self.targets).to(device),
            None if self.maps is None else torch.from_numpy(self.maps[: self.used]).to(device),
            torch.from_numpy(self.places),
            torch.from_numpy(rows),
            side,
        )


def _moved(planes: Tensor, device: torch.device) -> Tensor:
    """Bring planes onto a device, one by one: as a whole they would be copied on the CPU first."""
    if device.type == planes.device.type:
        return planes
    moved = torch.empty(planes.shape, dtype=planes.dtype, device=device)
    for to, plane in zip(moved, planes, strict=True):
        to.copy_(plane)
    return moved


def _room(dataset: Dataset, limit: int) -> int:
    """How many pixels there is room for, with their targets."""
    labels = {Target.CLASS: 8, Target.MULTILABEL: len(dataset.classes)}.get(dataset.target, 0)
    return max(0, limit - len(dataset) * labels) // (dataset.channels + (dataset.target == Target.MAP))


def _seems_to_fit(dataset: Dataset, crop: int, resize: int | None, room: int) -> bool:
    """Tell from a few images whether all may fit."""
    count = len(dataset)
    indices = sorted({probe * count // PROBES for probe in range(PROBES)})
    found = [item for _, item in decode_ahead(dataset, indices, crop, resize) if isinstance(item, Example)]
    pixels: int = sum(example.image.shape[0] * example.image.shape[1] for example in found)
    return pixels * count <= room * len(indices)


def _offsets(fractions: Tensor, rooms: Tensor) -> Tensor:
    return (fractions * (rooms + 1)).long()
