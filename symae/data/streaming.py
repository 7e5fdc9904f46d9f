"""A large data set streams: worker processes decode and crop, the device mirrors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from symae.data.batch import Batch, none_readable, read_fitted, stack
from symae.data.crops import Draws, cut
from symae.data.dataset import Dataset, Example, UnreadableImage
from symae.errors import DataError

__all__ = ["StreamedImages"]

PATIENCE = 1000  # unreadable images in a row before the data as a whole is refused

Wanted = tuple[int, float, float]  # index, top, left


class Read(NamedTuple):
    """One example as it was read, what could not be read on the way to it, and what ended it all."""

    example: Example | None
    failures: list[tuple[str, str]]
    error: str


class Collated(NamedTuple):
    """A batch on its way from a worker; with an error, there are no images."""

    images: Tensor | None
    targets: Tensor | None
    failures: list[tuple[str, str]]
    error: str


class StreamedImages:
    """Batches decoded as they are needed.

    Args:
        dataset: any.
        crop: side of the crops.
        resize: shorter side before the crop, see `fit`.
        device: where batches go.
        workers: processes that decode; 0 decodes in this one. No more are started than there are processors.
        unreadable: path -> cause; what cannot be read is noted here.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        crop: int,
        resize: int | None,
        device: torch.device,
        workers: int,
        unreadable: dict[str, str],
    ) -> None:
        self._device = device
        self._unreadable = unreadable
        self._plan = _Plan()
        workers = min(workers, os.cpu_count() or 1)
        self._loader: DataLoader[Read] = DataLoader(
            _Reader(dataset, crop, resize),
            batch_sampler=self._plan,
            num_workers=workers,
            collate_fn=_collate,
            pin_memory=device.type == "cuda",
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # or each epoch would draw from the global generator
        )

    def batches(self, draws: Iterator[Draws]) -> Iterator[Batch]:
        """Make the batches that were drawn; one epoch at a time.

        Raises:
            DataError: the data as a whole cannot be used.
        """
        self._plan.begin(draws)
        for found in self._loader:
            self._unreadable.update(found.failures)
            if found.images is None:
                raise DataError(found.error)
            flips = self._plan.flips.popleft().to(self._device)
            images = found.images.to(self._device, non_blocking=True)
            yield Batch(_mirror(images, flips), self._targets(found.targets, flips))

    def _targets(self, targets: Tensor | None, flips: Tensor) -> Tensor | None:
        if targets is None:
            return None
        targets = targets.to(self._device, non_blocking=True)
        return _mirror(targets, flips) if targets.ndim == 3 else targets


class _Plan(Sampler[list[Wanted]]):
    """Deals an epoch's draws to the workers; the flips wait here for their batch to come back."""

    def __init__(self) -> None:
        self.begin(iter(()))

    def begin(self, draws: Iterator[Draws]) -> None:
        self.draws = draws
        self.flips: deque[Tensor] = deque()

    def __iter__(self) -> Iterator[list[Wanted]]:
        for draws in self.draws:
            self.flips.append(draws.flips)
            yield list(zip(draws.indices.tolist(), draws.tops.tolist(), draws.lefts.tolist(), strict=True))


class _Reader(TorchDataset[Read]):
    """Reads one crop; in place of what is unreadable, the next readable example."""

    def __init__(self, dataset: Dataset, crop: int, resize: int | None) -> None:
        self._dataset, self._crop, self._resize = dataset, crop, resize

    def __getitem__(self, wanted: Wanted) -> Read:
        try:
            return self._read(*wanted)
        except DataError as error:  # a worker's exception would reach the main process as a traceback
            return Read(None, [], str(error))

    def _read(self, index: int, top: float, left: float) -> Read:
        failures: list[tuple[str, str]] = []
        count = len(self._dataset)
        for candidate in range(index, index + min(count, PATIENCE)):
            try:
                example = read_fitted(self._dataset, candidate % count, self._crop, self._resize)
                return Read(cut(example, top, left, self._crop), failures, "")
            except UnreadableImage as error:
                failures.append((error.path, error.cause))
        return Read(None, failures, str(none_readable(self._dataset, UnreadableImage(*failures[0]))))


def _collate(reads: list[Read]) -> Collated:
    failures = [failure for read in reads for failure in read.failures]
    examples = [read.example for read in reads if read.example is not None]
    if len(examples) < len(reads):
        return Collated(None, None, failures, next(read.error for read in reads if read.error))
    return Collated(*stack(examples), failures, "")


def _mirror(values: Tensor, flips: Tensor) -> Tensor:
    return torch.where(flips.reshape(-1, *[1] * (values.ndim - 1)), values.flip(-1), values)
