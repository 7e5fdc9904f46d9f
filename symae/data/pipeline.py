"""From a data set to batches on the device, for training and for evaluation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import torch

from symae.data.batch import Batch, decode_ahead, none_readable, stack
from symae.data.crops import count_steps, cut, draw_epoch
from symae.data.dataset import Dataset, Example, UnreadableImage
from symae.data.resident import load_resident
from symae.data.streaming import StreamedImages
from symae.errors import DataError
from symae.randomness import Share, generator

__all__ = ["Batch", "TrainingLoader", "evaluation_batches"]

log = logging.getLogger(__name__)


class TrainingLoader:
    """Random crops for training, the same to the bit however they are loaded.

    A data set whose pixels fit into `resident_bytes` is decoded once and lives on the device; any other streams. In
    both, permutation, crops and flips are functions of (seed, epoch, step), and the next readable example stands in for
    one that is not, so that a run does not change with the memory, the workers or the number of processes that it is
    given.

    Args:
        dataset: any; its order and size must be the same in every process.
        batch_size: examples in a batch, over all processes together.
        crop: side S of the square crops.
        resize: shorter side before the crop; None keeps images as they are. See `symae.data.crops.fit`.
        flip: mirror crops with probability 1/2.
        seed: of the run.
        repeats: how often each example comes in an epoch, each time with a crop of its own.
        device: where batches go.
        workers: processes that decode what streams.
        resident_bytes: most bytes of images, with their targets, kept on the device; 0 always streams.
        rank: which slice of each batch this process takes.
        world_size: number of processes.
        progress: called with (images done, images in all) while images are decoded onto the device.

    Attributes:
        share: the slice of every batch that this process takes.
        unlabelled_share: None: nothing stands beside its batches, see `symae.data.beside`.
        unreadable: path -> cause of what could not be read, known so far.
        data_wait: seconds that training has waited for batches.
        resident: whether the images live on the device.

    Raises:
        DataError: the sizes do not fit together, or not one image can be read.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int,
        crop: int,
        resize: int | None,
        flip: bool,
        seed: int,
        repeats: int = 1,
        device: torch.device,
        workers: int = 0,
        resident_bytes: int = 2 << 30,
        rank: int = 0,
        world_size: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        _check(repeats * len(dataset), batch_size, crop, resize, world_size)
        self._steps = count_steps(len(dataset), batch_size, repeats)
        self._draw = partial(draw_epoch, len(dataset), batch_size, repeats=repeats, flip=flip, seed=seed)
        self.share = Share.of(min(batch_size, repeats * len(dataset)), rank, world_size)
        self.unlabelled_share: Share | None = None
        self.unreadable: dict[str, str] = {}
        self.data_wait = 0.0
        resident = load_resident(
            dataset,
            crop=crop,
            resize=resize,
            device=device,
            limit=resident_bytes,
            unreadable=self.unreadable,
            progress=progress,
        )
        self.resident = resident is not None
        self._source = resident or StreamedImages(
            dataset, crop=crop, resize=resize, device=device, workers=workers, unreadable=self.unreadable
        )

    def __len__(self) -> int:
        """Count the batches of an epoch; a last partial one is left out, unless it is the only one."""
        return self._steps

    @property
    def images_a_step(self) -> int:
        """How many images all processes take in together at each step."""
        return self.share.whole

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from batch `start` on.

        Only one epoch can be under way at a time.
        """
        draws = self._draw(epoch=epoch, start=start)
        batches = self._source.batches(draw.take(self.share) for draw in draws)
        while True:
            began, known = time.perf_counter(), len(self.unreadable)
            batch = next(batches, None)
            self.data_wait += time.perf_counter() - began
            for path, cause in list(self.unreadable.items())[known:]:
                log.warning("left out: %s: %s", path, cause)
            if batch is None:
                return
            yield batch


def evaluation_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    crop: int | None,
    resize: int | None,
    device: torch.device,
    crops: Literal["centre"] | int = "centre",
    seed: int = 0,
    unreadable: dict[str, str] | None = None,
) -> Iterator[Batch]:
    """Yield every readable example once, in order.

    Args:
        dataset: any.
        batch_size: images in a batch.
        crop: side S of the crops; None for whole images, of which those of one size that follow each other
            share a batch.
        resize: shorter side before the crop, see `symae.data.crops.fit`.
        device: where batches go.
        crops: the central crop, or a number R of random crops of every image: the batch is then
            (B * R, C, S, S), the crops of an image next to each other, each with its own target.
        seed: of the random crops; those of an image do not depend on the others.
        unreadable: path -> cause; what is left out is noted here, and logged.

    Raises:
        DataError: not one image can be read.
    """
    noted = {} if unreadable is None else unreadable
    waiting: list[Example] = []
    images, failure = 0, None
    for index, found in decode_ahead(dataset, range(len(dataset)), crop, resize):
        if isinstance(found, UnreadableImage):
            log.warning("left out: %s", found)
            noted[found.path], failure = found.cause, failure or found
            continue
        views = _views(found, crop, crops, seed, index)
        if waiting and (images == batch_size or views[0].image.shape != waiting[0].image.shape):
            yield _batch(waiting, device)
            waiting, images = [], 0
        waiting += views
        images += 1
    if waiting:
        yield _batch(waiting, device)
    elif failure is not None:
        raise none_readable(dataset, failure)


def _views(example: Example, crop: int | None, crops: Literal["centre"] | int, seed: int, index: int) -> list[Example]:
    if crop is None:
        return [example]
    if crops == "centre":
        height, width = example.image.shape[:2]
        # The fractions that lead to the same rounded-down offsets as serve.image.centre_crop.
        top, left = ((room // 2 + 0.5) / (room + 1) for room in (height - crop, width - crop))
        return [cut(example, top, left, crop)]
    places = torch.rand(crops, 2, dtype=torch.float64, generator=generator("cpu", seed, "evaluation", index))
    return [cut(example, top, left, crop) for top, left in places.tolist()]


def _batch(examples: list[Example], device: torch.device) -> Batch:
    images, targets = stack(examples)
    return Batch(images.to(device), None if targets is None else targets.to(device))


def _check(count: int, batch_size: int, crop: int, resize: int | None, world_size: int) -> None:
    if resize is not None and resize < crop:
        raise DataError(f"images resized to {resize} have no crops of {crop}: resize to at least the crop")
    if min(count, batch_size) < world_size or batch_size % world_size:
        raise DataError(
            f"a batch of {min(count, batch_size)} cannot be shared by {world_size} processes: "
            "use a multiple of them, and at least as many images"
        )
