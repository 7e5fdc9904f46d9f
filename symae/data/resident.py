"""A data set that fits lives on the device, decoded once; crops and flips are one gather a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from symae.data.batch import Batch, decode_ahead, none_readable
from symae.data.crops import Draws, is_map
from symae.data.dataset import Dataset, Example, UnreadableImage

__all__ = ["ResidentImages", "load_resident"]

PROBES = 16  # images looked at, evenly spread, before all are decoded
SPARE = 1.25  # of the room that they make expect, since images differ in size


@dataclass(frozen=True)
class ResidentImages:
    """All images of a data set on the device, the pixels of each row by row, one image behind the other.

    Attributes:
        pixels: (C, P) uint8, of P pixels in all.
        targets: (P,) uint8, the pixels' classes | (N,) int64 or (N, K) uint8, the images' | None.
        places: (N, 3) int64 on the CPU: where an image begins, its height and its width.
        rows: (N,) int64 on the CPU, the image that stands for each example: its own, or the next readable one.
        side: of the crops.
    """

    pixels: Tensor
    targets: Tensor | None
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
        return Batch(torch.stack([plane[index] for plane in self.pixels], 1), self._targets(index, rows[:, 0, 0]))

    def _targets(self, index: Tensor, rows: Tensor) -> Tensor | None:
        if self.targets is None:
            return None
        whole = self.targets.ndim == 1 and self.targets.dtype == torch.uint8
        return self.targets[index if whole else rows]


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
        limit: most bytes that they may take.
        unreadable: path -> cause; what cannot be read is noted here.
        progress: called with (images done, images in all).

    Returns:
        None if it does not fit.

    Raises:
        DataError: not one image can be read.
    """
    count = len(dataset)
    # Each image is at least a crop, so a large data set is told without decoding any of it.
    room = 0 if count * crop * crop * dataset.channels > limit else _room(dataset, crop, resize, limit)
    if not room:
        return None
    shelf: _Shelf | None = None
    failure = UnreadableImage("", "")
    for index, found in decode_ahead(dataset, range(count), crop, resize):
        if isinstance(found, UnreadableImage):
            unreadable[found.path], failure = found.cause, found
            continue
        shelf = shelf or _Shelf(count, room, found)
        if not shelf.put(index, found):
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
        self.maps = is_map(first.target)
        if self.maps:
            self.targets = np.empty(room, np.uint8)
        elif first.target is not None:
            kind = np.int64 if isinstance(first.target, int) else np.uint8
            self.targets = np.zeros((count, *np.shape(first.target)), kind)

    def put(self, index: int, example: Example) -> bool:
        """Keep an example; False if there is no room for it."""
        height, width = example.image.shape[:2]
        begin, end = self.used, self.used + height * width
        if end > self.pixels.shape[1]:
            return False
        self.pixels[:, begin:end] = example.image.reshape(-1, len(self.pixels)).T
        self.places[index], self.used = (begin, height, width), end
        if self.targets is None:
            return True
        if is_map(example.target):
            self.targets[begin:end] = example.target.ravel()
        else:
            self.targets[index] = example.target
        return True

    def on(self, device: torch.device, side: int) -> ResidentImages:
        """Bring everything onto the device."""
        known = np.flatnonzero(self.places[:, 1])
        rows = known[np.searchsorted(known, np.arange(len(self.places))) % len(known)]  # the next readable one
        targets = self.targets[: self.used] if self.targets is not None and self.maps else self.targets
        return ResidentImages(
            torch.from_numpy(self.pixels[:, : self.used]).to(device),
            None if targets is None else torch.from_numpy(targets).to(device),
            torch.from_numpy(self.places),
            torch.from_numpy(rows),
            side,
        )


def _room(dataset: Dataset, crop: int, resize: int | None, limit: int) -> int:
    """Tell from a few images how many pixels to make room for; 0 if they do not seem to fit."""
    count = len(dataset)
    indices = sorted({probe * count // PROBES for probe in range(PROBES)})
    found = [item for _, item in decode_ahead(dataset, indices, crop, resize) if isinstance(item, Example)]
    if not found:
        return limit // dataset.channels
    target = found[0].target
    maps = is_map(target)
    labels = 0 if maps else count * (target.nbytes if isinstance(target, np.ndarray) else 8)
    most = (limit - labels) // (dataset.channels + maps)
    expected = sum(example.image.shape[0] * example.image.shape[1] for example in found) * count // len(found)
    return min(most, int(SPARE * expected)) if expected <= most else 0


def _offsets(fractions: Tensor, rooms: Tensor) -> Tensor:
    return (fractions * (rooms + 1)).long()
