"""Which images a batch holds, and which square of each: drawn once, for every way of loading the same.

All that is drawn is a function of (seed, epoch, step). Offsets are drawn as fractions of the room that an
image leaves, so they can be drawn before the image's size is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from serve.image import resize_shorter_side
from symae.data.dataset import Example
from symae.randomness import Share, generator

__all__ = ["Draws", "count_steps", "cut", "draw_epoch", "fit", "is_map"]


@dataclass(frozen=True)
class Draws:
    """What is drawn for one batch.

    Attributes:
        indices: (B,) int64, which examples.
        tops: (B,) float64 in [0, 1), how far down each crop lies.
        lefts: (B,) float64 in [0, 1), how far right.
        flips: (B,) bool, which crops are mirrored.
    """

    indices: Tensor
    tops: Tensor
    lefts: Tensor
    flips: Tensor

    def take(self, share: Share) -> Draws:
        """Cut one process's slice out of the batch."""
        return Draws(*(share.take(tensor) for tensor in (self.indices, self.tops, self.lefts, self.flips)))


def count_steps(count: int, batch_size: int, repeats: int = 1) -> int:
    """Count the batches of an epoch; a last partial one is left out, unless it is the only one."""
    return max(1, repeats * count // batch_size)


def draw_epoch(
    count: int, batch_size: int, *, repeats: int = 1, flip: bool, seed: int, epoch: int, start: int = 0
) -> Iterator[Draws]:
    """Draw the batches of an epoch: every example `repeats` times, each time in a new random order.

    Args:
        count: examples in the data set.
        batch_size: examples in a batch, over all processes.
        repeats: how often each example is drawn, each time with a crop of its own.
        flip: mirror each crop with probability 1/2.
        seed: of the run.
        epoch: counted from 0.
        start: first batch to draw; what follows is the same as in the whole epoch.
    """
    shuffle = generator("cpu", seed, "order", epoch)
    orders = (torch.randperm(count, generator=shuffle) for _ in range(repeats))
    waiting = next(orders)
    for step in range(count_steps(count, batch_size, repeats)):
        while len(waiting) < batch_size and (order := next(orders, None)) is not None:
            waiting = torch.cat([waiting, order])
        indices, waiting = waiting[:batch_size], waiting[batch_size:]
        if step < start:
            continue
        source = generator("cpu", seed, "crops", epoch, step)
        places = torch.rand(2, len(indices), dtype=torch.float64, generator=source)
        mirrored = torch.rand(len(indices), generator=source) < 0.5
        yield Draws(indices, places[0], places[1], mirrored & flip)


def fit(example: Example, crop: int | None, resize: int | None) -> Example:
    """Resize an example before it is cropped.

    The shorter side becomes `resize`; without it, images keep their size. An image smaller than the crop is
    enlarged until its shorter side fits, for padding would teach a network about borders that no photograph
    has. Label maps take the nearest pixel.
    """
    height, width = example.image.shape[:2]
    side = resize if resize is not None else max(min(height, width), crop or 0)
    if side == min(height, width):
        return example
    image = resize_shorter_side(example.image, side)
    target = example.target
    if is_map(target):
        target = np.array(Image.fromarray(target).resize((image.shape[1], image.shape[0]), Image.Resampling.NEAREST))
    return Example(image, target)


def cut(example: Example, top: float, left: float, side: int) -> Example:
    """Cut out a square of a fitted example; `top` and `left` are fractions of the room that there is."""
    height, width = example.image.shape[:2]
    row, column = int(top * (height - side + 1)), int(left * (width - side + 1))
    window = (slice(row, row + side), slice(column, column + side))
    target = example.target[window] if is_map(example.target) else example.target
    return Example(example.image[window], target)


def is_map(target: int | NDArray[np.uint8] | None) -> TypeGuard[NDArray[np.uint8]]:
    """Tell a label map from an image's label."""
    return isinstance(target, np.ndarray) and target.ndim == 2
