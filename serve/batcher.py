"""Many callers, one runtime: requests of equal image size run together.

A batch is formed at the moment the runtime is free, out of what waits by then: under load batches are
large, with one caller nobody waits, and there is no delay to tune. One thread a session takes batches
and runs them (the runtime releases Python's lock); decoding goes on meanwhile on other threads, and the
event loop talks to the callers. What one caller does never touches another: a cancelled or late request
leaves the queue before it runs, and when a batch fails its members run again one by one, so that only
the one at fault fails.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from serve.errors import DeadlineError, FaultError, OverloadError, ServeError, UnavailableError
from serve.statistics import ModelStatistics
from serve.waiting import BatchLimits, Part, Waiting, Work

__all__ = ["Batcher", "Budget", "Done", "Runs"]

Array = NDArray[Any]
log = logging.getLogger(__name__)


class Runs(Protocol):
    """What the batcher needs of a session."""

    def run(self, inputs: Sequence[Array], outputs: Sequence[str]) -> tuple[Array, ...]:
        """Run the model once; see `serve.session.Session.run`."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to one entry.

    Attributes:
        outputs: one array for each name that was asked for, first axis n.
        queue: seconds between entering the queue and the first run.
        run: seconds of the runs that it took part in.
    """

    outputs: tuple[Array, ...]
    queue: float
    run: float


class Budget:
    """How many pixels may wait or run at a time; to be used on the event loop alone."""

    def __init__(self, pixels: int) -> None:
        self._limit = pixels
        self._taken = 0
        self.seconds_per_pixel = 0.0  # the fastest that was seen, so that no estimate is too long

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[Reservation]:
        """Hold pixels until the request is answered.

        Raises:
            OverloadError: there is no room for them.
        """
        reservation = Reservation(self)
        try:
            reservation.resize(pixels)
            yield reservation
        finally:
            self._taken -= reservation.pixels

    def take(self, more: int) -> None:
        """Add to what is taken, or refuse."""
        if self._taken and self._taken + more > self._limit:
            wait = max(0.01, self._taken * self.seconds_per_pixel)
            raise OverloadError(f"the queue is full: try again in {wait:.2f} s", retry_after=wait)
        self._taken += more


class Reservation:
    """A caller's share of the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.pixels = 0

    def resize(self, pixels: int) -> None:
        """Change it to the size that decoding has shown."""
        self._budget.take(pixels - self.pixels)
        self.pixels = pixels


class Batcher:
    """The queue and the run thread of one session; its methods belong to one event loop."""

    def __init__(self, session: Runs, limits: BatchLimits, queue_pixels: int, *, name: str = "model") -> None:
        self.budget = Budget(queue_pixels)
        self.statistics = ModelStatistics()
        self._session = session
        self._waiting = Waiting(limits)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name=f"run-{name}", daemon=True)
        self._thread.start()

    async def submit(self, inputs: tuple[Array, ...], outputs: tuple[str, ...], expires: float) -> Done:
        """Run the model on a block of images of one size, possibly together with other callers' blocks.

        Args:
            inputs: the session's inputs; the first is image (n, H, W, C).
            outputs: names of the outputs to compute.
            expires: `time.monotonic()` after which nobody needs the answer.

        Raises:
            DeadlineError: it would have been, or was, too late.
            FaultError: the model failed on this block.
            UnavailableError: the batcher is closed.
        """
        n, height, width = inputs[0].shape[:3]
        self.refuse_late(n * height * width, expires)
        work = Work(inputs, outputs, expires, self._loop.create_future())
        if not self._waiting.add(work):
            raise UnavailableError("the server is stopping")
        try:
            done: Done = await work.future
            return done
        except asyncio.CancelledError:
            self._waiting.discard(work)
            raise

    def refuse_late(self, pixels: int, expires: float) -> None:
        """Say at once that so many pixels will not be done in time.

        Raises:
            DeadlineError: at the best rate that was seen, they will not.
        """
        if time.monotonic() + pixels * self.budget.seconds_per_pixel > expires:
            raise DeadlineError("the deadline is shorter than the work takes")

    async def close(self) -> None:
        """Finish the batch that runs, fail what waits, and end the thread."""
        for work in self._waiting.close():
            _fail(work, UnavailableError("the server is stopping"))
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while (batch := self._waiting.take()) is not None:
            try:
                self._run(batch.parts)
                if batch.late:
                    self._loop.call_soon_threadsafe(
                        _fail_all, batch.late, DeadlineError("the deadline passed in the queue")
                    )
            except RuntimeError:  # the loop is gone, and with it everyone who waits
                log.debug("the event loop was closed under a batch", exc_info=True)
                return

    def _run(self, parts: Sequence[Part]) -> None:
        if not parts:
            return
        joining = time.monotonic()
        try:
            inputs = _join(parts)
            started = time.monotonic()
            outputs = self._session.run(inputs, parts[0].work.outputs)
        except Exception as error:
            self._recover(parts, error)
            return
        self._loop.call_soon_threadsafe(self._deliver, parts, outputs, joining, started, time.monotonic())

    def _recover(self, parts: Sequence[Part], error: Exception) -> None:
        if len(parts) > 1:
            for part in parts:
                self._run([part])
            return
        log.error("a run failed: %s", error)
        fault = error if isinstance(error, ServeError) else FaultError(str(error))
        self._loop.call_soon_threadsafe(self._give_up, parts[0].work, fault)

    def _give_up(self, work: Work, fault: ServeError) -> None:
        self._waiting.discard(work)
        _fail(work, fault)

    def _deliver(
        self, parts: Sequence[Part], outputs: tuple[Array, ...], joining: float, started: float, ended: float
    ) -> None:
        splitting, first = time.monotonic(), 0
        for part in parts:
            last = first + part.stop - part.start
            part.work.add([output[first:last] for output in outputs], started, ended)
            first = last
            if part.work.complete and not part.work.future.done():
                done = Done(part.work.joined(), part.work.queue_seconds, part.work.run_seconds)
                part.work.future.set_result(done)
        self.statistics.executed(
            first, joining=started - joining, running=ended - started, splitting=time.monotonic() - splitting
        )
        pixels = sum((part.stop - part.start) * part.work.pixels for part in parts)
        rate, best = (ended - started) / pixels, self.budget.seconds_per_pixel
        self.budget.seconds_per_pixel = min(rate, best) if best else rate


def _join(parts: Sequence[Part]) -> tuple[Array, ...]:
    slices = [[array[part.start : part.stop] for array in part.work.inputs] for part in parts]
    if len(slices) == 1:
        return tuple(slices[0])
    return tuple(np.concatenate(arrays) for arrays in zip(*slices, strict=True))


def _fail(work: Work, error: ServeError) -> None:
    if not work.future.done():
        work.future.set_exception(error)


def _fail_all(works: Sequence[Work], error: ServeError) -> None:
    for work in works:
        _fail(work, error)
