"""A small data set lives on the device, decoded once; crops and flips are one gather a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from symae.data.batch import Batch, decode_ahead, none_readable
from symae.data.crops import Draws
from symae.data.dataset import Dataset, Example, UnreadableImage

__all__ = ["ResidentImages", "load_resident"]

PROBES = 16  # images looked at, evenly spread, before all are decoded


@dataclass(frozen=True)
class ResidentImages:
    """All images of a data set, of one size, on the device.

    Attributes:
        images: (N, C, H, W) uint8; a row whose file could not be read is never used.
        targets: (N,) int64 | (N, K) uint8 | (N, H, W) uint8 | None.
        rows: (N,) int64 on the CPU, the row that stands for each example: its own, or the next readable one.
        side: of the crops.
    """

    images: Tensor
    targets: Tensor | None
    rows: Tensor
    side: int

    def batches(self, draws: Iterator[Draws]) -> Iterator[Batch]:
        """Make the batches that were drawn; no step waits for the one before."""
        return map(self._batch, draws)

    def _batch(self, draws: Draws) -> Batch:
        send = partial(torch.Tensor.to, device=self.images.device, non_blocking=True)
        height, width = self.images.shape[-2:]
        index = send(self.rows[draws.indices])[:, None, None]  # (B, 1, 1)
        steps = torch.arange(self.side)
        across = torch.where(draws.flips[:, None], steps.flip(0), steps)  # (B, S)
        rows = send(_offsets(draws.tops, height - self.side) + steps)[:, :, None]  # (B, S, 1)
        columns = send(_offsets(draws.lefts, width - self.side) + across)[:, None, :]  # (B, 1, S)
        planes = [self.images[:, channel][index, rows, columns] for channel in range(self.images.shape[1])]
        return Batch(torch.stack(planes, 1), self._targets(index, rows, columns))

    def _targets(self, index: Tensor, rows: Tensor, columns: Tensor) -> Tensor | None:
        if self.targets is None:
            return None
        return self.targets[index, rows, columns] if self.targets.ndim == 3 else self.targets[index[:, 0, 0]]


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
    """Decode a whole data set onto the device, if its images are of one size and fit.

    Args:
        dataset: any.
        crop: side of the crops.
        resize: shorter side before the crop, see `fit`.
        device: where the images go.
        limit: most bytes that they may take.
        unreadable: path -> cause; what cannot be read is noted here.
        progress: called with (images done, images in all).

    Returns:
        None if the images are of several sizes or too many.

    Raises:
        DataError: not one image can be read.
    """
    count = len(dataset)
    # Each image is at least a crop, so a large data set is told without decoding any of it.
    if count * crop * crop * dataset.channels > limit or not _probe(dataset, crop, resize, limit):
        return None
    shelf: _Shelf | None = None
    failure = UnreadableImage("", "")
    for index, found in decode_ahead(dataset, range(count), crop, resize):
        if isinstance(found, UnreadableImage):
            unreadable[found.path], failure = found.cause, found
            continue
        shelf = shelf or _Shelf(count, found)
        if not shelf.put(index, found):
            return None
        if progress is not None:
            progress(index + 1, count)
    if shelf is None:
        raise none_readable(dataset, failure)
    return shelf.on(device, crop)


class _Shelf:
    """Room for all images; NumPy, since a tensor operation for every small image costs more than its decoding."""

    def __init__(self, count: int, first: Example) -> None:
        height, width, channels = first.image.shape
        self.images = np.zeros((count, channels, height, width), np.uint8)
        self.readable = np.zeros(count, np.bool_)
        self.targets: NDArray[Any] | None = None
        if first.target is not None:
            kind = np.int64 if isinstance(first.target, int) else np.uint8
            self.targets = np.zeros((count, *np.shape(first.target)), kind)

    def put(self, index: int, example: Example) -> bool:
        """Keep an example; False if its size is another."""
        image = example.image.transpose(2, 0, 1)
        if image.shape != self.images.shape[1:]:
            return False
        self.images[index], self.readable[index] = image, True
        if self.targets is not None:
            self.targets[index] = example.target
        return True

    def on(self, device: torch.device, side: int) -> ResidentImages:
        """Bring everything onto the device."""
        known = np.flatnonzero(self.readable)
        rows = known[np.searchsorted(known, np.arange(len(self.readable))) % len(known)]  # the next readable one
        targets = None if self.targets is None else torch.from_numpy(self.targets).to(device)
        return ResidentImages(torch.from_numpy(self.images).to(device), targets, torch.from_numpy(rows), side)


def _probe(dataset: Dataset, crop: int, resize: int | None, limit: int) -> bool:
    """Tell from a few images whether all may have one size and fit."""
    count = len(dataset)
    indices = sorted({probe * count // PROBES for probe in range(PROBES)})
    found = [item for _, item in decode_ahead(dataset, indices, crop, resize) if isinstance(item, Example)]
    sizes = {example.image.shape for example in found}
    return not found or (len(sizes) == 1 and count * _bytes(found[0]) <= limit)


def _bytes(example: Example) -> int:
    return example.image.nbytes + (example.target.nbytes if isinstance(example.target, np.ndarray) else 8)


def _offsets(fractions: Tensor, room: int) -> Tensor:
    return (fractions * (room + 1)).long()[:, None]
