"""What waits to be run, by image size: the event loop puts it in, the run thread takes batches out.

Fair between callers: the oldest first, and a block that is larger than one run goes to the end of the line after
each part of it, so that a caller with a thousand images and one with a single image take turns.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serve.pace import Pace

__all__ = ["Batch", "BatchLimits", "Part", "Waiting", "Why", "Work"]

Array = NDArray[Any]
Why = Literal["full", "free"]


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
    """A block of images of one size that one caller waits for.

    Attributes:
        inputs: of the model, first axis the images.
        outputs: names of what to compute.
        expires: `time.monotonic()` after which nobody needs the answer.
        future: gets the answer.
        each: seconds that an image of this size is expected to take behind others; 0: unknown.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[str, ...]
    expires: float
    future: asyncio.Future[Any]
    each: float = 0.0
    queued: float = field(default_factory=time.monotonic)
    taken: int = 0  # images that have left the queue
    dropped: bool = False  # nobody waits for it any more
    run_seconds: float = 0.0
    queue_seconds: float = 0.0
    turn: float = field(init=False)  # since when it waits for the next part of it to be taken
    count: int = field(init=False)  # images
    pixels: int = field(init=False)  # of one image
    _results: list[list[Array]] = field(default_factory=list)
    _answered: int = 0

    def __post_init__(self) -> None:
        self.turn = self.queued
        self.count, height, width = self.inputs[0].shape[:3]
        self.pixels = height * width

    @property
    def key(self) -> tuple[object, ...]:
        """What must be equal for two to run together."""
        return (self.inputs[0].shape[1:], self.outputs)

    @property
    def left(self) -> int:
        """Images that have not left the queue."""
        return self.count - self.taken

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

    @property
    def seconds(self) -> float:
        """That it is expected to take."""
        return (self.stop - self.start) * self.work.each

    def arrays(self) -> tuple[Array, ...]:
        """The images, one array for each input of the model; views."""
        return tuple(array[self.start : self.stop] for array in self.work.inputs)


@dataclass(frozen=True, slots=True)
class Batch:
    """What to run next, and what left the queue because its deadline had passed or could not be kept.

    Attributes:
        parts: of one key.
        late: not among the parts.
        why: "full": no more fits in; "free": the runtime was free, and no more of this size waited.
    """

    parts: Sequence[Part]
    late: Sequence[Work] = ()
    why: Why = "free"

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(part.stop - part.start for part in self.parts)

    @property
    def pixels(self) -> int:
        """Pixels of all images."""
        return self.images * self.parts[0].work.pixels if self.parts else 0

    @property
    def seconds(self) -> float:
        """That it is expected to take."""
        return sum(part.seconds for part in self.parts)


class Waiting:
    """Works in the order of their turns, of which those with one key run together. Safe between threads.

    Attributes:
        seconds: that what waits is expected to take.
    """

    def __init__(self, limits: BatchLimits, pace: Pace) -> None:
        self.seconds = 0.0
        self._limits = limits
        self._pace = pace
        self._changed = threading.Condition()
        self._by_key: dict[tuple[object, ...], deque[Work]] = {}
        self._closed = False

    def add(self, work: Work) -> bool:
        """Put a work at the end; False when closed."""
        with self._changed:
            if not self._closed:
                self._by_key.setdefault(work.key, deque()).append(work)
                self.seconds += work.left * work.each
                self._changed.notify()
            return not self._closed

    def discard(self, work: Work) -> None:
        """Take a work out, if it still waits: it is passed over when its turn comes, for a search takes too long."""
        with self._changed:
            if work.dropped:
                return
            work.dropped = True
            self.seconds -= work.left * work.each
            if not work.taken:
                work.inputs = ()  # it may wait for long to be passed over, and its share of the budget is free

    def close(self) -> list[Work]:
        """Let nothing in any more; `take` ends. Returns what was waiting."""
        with self._changed:
            self._closed = True
            left = [work for queue in self._by_key.values() for work in queue if not work.dropped]
            self._by_key.clear()
            self.seconds = 0.0
            self._changed.notify_all()
            return left

    def take(self) -> Batch | None:
        """Wait for work and take the oldest with all that fit beside it; None when closed."""
        with self._changed:
            while True:
                while not self._by_key:
                    if self._closed:
                        return None
                    self._changed.wait()
                batch = self._fill(self._next())
                if batch.parts or batch.late:
                    return batch

    def take_full(self, least: int) -> Batch | None:
        """Take the oldest with those beside it, without waiting, if that makes a full run of at least so many bytes.

        Such a batch loses nothing by being taken before the runtime is free: no more could come into it.
        """
        with self._changed:
            if not self._by_key:
                return None
            key = self._next()
            return self._fill(key) if self._is_full(self._by_key[key], least) else None

    def _next(self) -> tuple[object, ...]:
        return min(self._by_key, key=lambda key: self._by_key[key][0].turn)

    def _is_full(self, queue: deque[Work], least: int) -> bool:
        images = room = self._limits.room(queue[0].pixels)
        for work in queue:
            if work.dropped:
                continue
            if images * sum(array[0].nbytes for array in work.inputs) < least:
                return False
            room -= work.left
            if room <= 0:
                return True
        return False

    def _fill(self, key: tuple[object, ...]) -> Batch:
        queue, now = self._by_key[key], time.monotonic()
        parts, late, room = list[Part](), list[Work](), self._limits.room(queue[0].pixels)
        while queue and room:
            work = queue.popleft()
            if work.dropped:
                continue
            if work.expires < now + self._pace.best(work.pixels) * work.left:
                self.seconds -= work.left * work.each
                late.append(work)
                continue
            part = Part(work, work.taken, min(work.count, work.taken + room))
            parts.append(part)
            room -= part.stop - part.start
            self.seconds -= part.seconds
            work.taken = part.stop
            if work.left:
                work.turn = now
                queue.append(work)
        if not queue:
            del self._by_key[key]
        if not self._by_key:
            self.seconds = 0.0  # what rounding has left
        return Batch(parts, late, "free" if room else "full")
