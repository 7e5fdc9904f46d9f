"""What waits to be run, by image size: the event loop puts it in, the run thread takes batches out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Batch", "BatchLimits", "Part", "Waiting", "Work"]

Array = NDArray[Any]


@dataclass(frozen=True)
class BatchLimits:
    """What one run may hold; a single larger image runs alone, as a tile does whose halo needs more.

    Attributes:
        images: most images.
        pixels: most pixels (images x H x W).
    """

    images: int
    pixels: int

    def room(self, pixels_each: int) -> int:
        """How many images of a size fit; at least one."""
        return max(1, min(self.images, self.pixels // pixels_each))


@dataclass(eq=False, slots=True)
class Work:
    """A block of images of one size that one caller waits for."""

    inputs: tuple[Array, ...]
    outputs: tuple[str, ...]
    expires: float
    future: asyncio.Future[Any]
    queued: float = field(default_factory=time.monotonic)
    taken: int = 0  # images that have left the queue
    run_seconds: float = 0.0
    queue_seconds: float = 0.0
    _results: list[list[Array]] = field(default_factory=list)
    _answered: int = 0

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.inputs[0])

    @property
    def pixels(self) -> int:
        """Pixels of one image."""
        shape = self.inputs[0].shape
        return int(shape[1] * shape[2])

    @property
    def key(self) -> tuple[object, ...]:
        """What must be equal for two to run together."""
        return (self.inputs[0].shape[1:], self.outputs)

    @property
    def complete(self) -> bool:
        """Whether every image has its result."""
        return self._answered == self.count

    def add(self, results: list[Array], started: float, ended: float) -> None:
        """Take the results of the next images."""
        if not self._results:
            self.queue_seconds = started - self.queued
        self._results.append(results)
        self._answered += len(results[0])
        self.run_seconds += ended - started

    def joined(self) -> tuple[Array, ...]:
        """All results, one array for each output."""
        if len(self._results) == 1:
            return tuple(self._results[0])
        return tuple(np.concatenate(arrays) for arrays in zip(*self._results, strict=True))


@dataclass(frozen=True, slots=True)
class Part:
    """The images start..stop of a work, as they go into one run."""

    work: Work
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What to run next, and what left the queue because its deadline had passed."""

    parts: Sequence[Part]
    late: Sequence[Work]


class Waiting:
    """Works in the order of their arrival, of which those with one key run together. Safe between threads."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._by_key: dict[tuple[object, ...], deque[Work]] = {}
        self._closed = False

    def add(self, work: Work) -> bool:
        """Put a work at the end; False when closed."""
        with self._changed:
            if not self._closed:
                self._by_key.setdefault(work.key, deque()).append(work)
                self._changed.notify()
            return not self._closed

    def discard(self, work: Work) -> None:
        """Take a work out, if it still waits."""
        with self._changed:
            queue = self._by_key.get(work.key)
            if queue and work in queue:
                queue.remove(work)
                if not queue:
                    del self._by_key[work.key]

    def close(self) -> list[Work]:
        """Let nothing in any more; `take` ends. Returns what was waiting."""
        with self._changed:
            self._closed = True
            left = [work for queue in self._by_key.values() for work in queue]
            self._by_key.clear()
            self._changed.notify_all()
            return left

    def take(self) -> Batch | None:
        """Wait for work and take the oldest with all that fit beside it; None when closed."""
        with self._changed:
            while not self._by_key:
                if self._closed:
                    return None
                self._changed.wait()
            key = min(self._by_key, key=lambda key: self._by_key[key][0].queued)
            batch = self._fill(self._by_key[key], time.monotonic())
            if not self._by_key[key]:
                del self._by_key[key]
            return batch

    def _fill(self, queue: deque[Work], now: float) -> Batch:
        parts, late, room = list[Part](), list[Work](), self._limits.room(queue[0].pixels)
        while queue and room:
            work = queue[0]
            if work.expires < now:
                late.append(queue.popleft())
                continue
            stop = min(work.count, work.taken + room)
            parts.append(Part(work, work.taken, stop))
            room -= stop - work.taken
            work.taken = stop
            if stop == work.count:
                queue.popleft()
        return Batch(parts, late)
