"""What one caller waits for, and what runs together: works, parts of them, and batches of parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serve.protocol.identity import CURRENT

__all__ = ["Batch", "Part", "Why", "Work"]

Array = NDArray[Any]
Why = Literal["full", "free"]


@dataclass(eq=False, slots=True)
class Work:
    """A block of images of one size that one caller waits for.

    Attributes:
        inputs: of the model, first axis the images.
        outputs: names of what to compute.
        expires: `time.monotonic()` after which nobody needs the answer.
        future: gets the answer.
        each: seconds that an image of this size is expected to take behind others; 0: unknown.
        request: the id of the request that it is of.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[str, ...]
    expires: float
    future: asyncio.Future[Any]
    each: float = 0.0
    request: str = field(default_factory=CURRENT.get)
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
        why: "full": no more fits in, by the limits or in time; "free": the runtime was free, and no more of this size
            waited.
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
