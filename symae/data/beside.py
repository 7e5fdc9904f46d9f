"""Batches of images with labels, each with a batch of images without labels beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from typing import Protocol

from symae.data.batch import Batch
from symae.data.pipeline import TrainingLoader
from symae.randomness import Share

__all__ = ["Loader", "WithUnlabelled"]


class Loader(Protocol):
    """What a training asks of whatever loads its batches; see `TrainingLoader`."""

    @property
    def share(self) -> Share:
        """The slice of every batch that this process takes."""

    @property
    def unlabelled_share(self) -> Share | None:
        """That of the unlabelled images beside every batch; None: there are none."""

    @property
    def images_a_step(self) -> int:
        """How many images all processes take in together at each step."""

    @property
    def unreadable(self) -> dict[str, str]:
        """Path -> cause of what could not be read, known so far."""

    @property
    def data_wait(self) -> float:
        """Seconds that training has waited for batches."""

    def __len__(self) -> int: ...

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from batch `start` on."""


class WithUnlabelled:
    """Sets images without labels beside every batch of those that have some.

    An epoch is one of the labelled images. The others go round at a pace of their own: which of them stand beside a
    batch follows from the number of the step alone, so that a run that is continued sees the same. Both kinds may live
    on the device, and where both stream each has its own processes to decode.

    Args:
        labelled: says how many steps an epoch has.
        unlabelled: its targets, if it has any, are not looked at.
        first: the first epoch that has them; those before have labelled images alone.
    """

    def __init__(self, labelled: TrainingLoader, unlabelled: TrainingLoader, first: int = 0) -> None:
        self._labelled = labelled
        self._unlabelled = unlabelled
        self._first = first
        self._beside = not first
        self._others: Generator[Batch] | None = None
        self._next = -1  # the step whose batch they give next
        self.share = labelled.share
        self.unlabelled_share: Share | None = unlabelled.share

    @property
    def images_a_step(self) -> int:
        """How many images all processes take in together at each step of the epoch that is under way."""
        return self._labelled.images_a_step + (self._unlabelled.images_a_step if self._beside else 0)

    @property
    def unreadable(self) -> dict[str, str]:
        """Path -> cause of what could not be read, known so far."""
        return {**self._labelled.unreadable, **self._unlabelled.unreadable}

    @property
    def data_wait(self) -> float:
        """Seconds that training has waited for batches."""
        return self._labelled.data_wait + self._unlabelled.data_wait

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return len(self._labelled)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from batch `start` on; one epoch at a time."""
        self._beside = epoch >= self._first
        if not self._beside:
            yield from self._labelled.batches(epoch, start)
            return
        others = self._from((epoch - self._first) * len(self) + start)
        for batch in self._labelled.batches(epoch, start):
            self._next += 1
            yield dataclasses.replace(batch, unlabelled=next(others).images)

    def _from(self, step: int) -> Generator[Batch]:
        """The batches without labels from a step on: those that are under way, if it is their turn."""
        if self._others is None or self._next != step:
            if self._others is not None:
                self._others.close()
            self._others, self._next = self._begin(step), step
        return self._others

    def _begin(self, step: int) -> Generator[Batch]:
        """The batches without labels from a step on, without end."""
        turn, start = divmod(step, len(self._unlabelled))
        while True:
            yield from self._unlabelled.batches(turn, start)
            turn, start = turn + 1, 0
