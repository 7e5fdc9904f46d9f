"""Many callers, one runtime: requests of equal image size run together.

A batch is formed at the moment the runtime is free, out of what waits by then: under load batches are
large, with one caller nobody waits, and there is no delay to tune. One thread a session takes batches
and runs them (the runtime releases Python's lock); decoding goes on meanwhile on other threads, so does the
copying of the next batch when a full one waits, and the event loop talks to the callers. Each model has its own
thread, so a model that is flooded takes no more than its share from the others.

What one caller does never touches another: a cancelled or late request leaves the queue before it runs, and when
a batch fails its members run again one by one, so that only the one at fault fails. A request that would be
too late behind what waits already is refused when it comes, not when its time is over.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from serve.batching.budget import Budget
from serve.batching.motion import Motion
from serve.batching.pace import Pace
from serve.batching.statistics import ModelStatistics
from serve.batching.waiting import BatchLimits, Waiting
from serve.batching.work import Batch, Part, Work
from serve.errors import DeadlineError, FaultError, ServeError, UnavailableError

__all__ = ["Batcher", "Done", "Runs"]

Array = NDArray[Any]
WORTH_A_THREAD = 1 << 20  # bytes of a batch from which on copying it takes longer than handing it to a thread
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


class Batcher:
    """The queue and the run thread of one session; its methods belong to one event loop.

    Attributes:
        budget: what may wait.
        pace: how fast it is worked off.
    """

    def __init__(self, session: Runs, limits: BatchLimits, queue_pixels: int, *, name: str = "model") -> None:
        self.pace = Pace()
        self.budget = Budget(queue_pixels, self.pace)
        self.statistics = ModelStatistics()
        self._session = session
        self._motion = Motion()
        self._waiting = Waiting(limits, self.pace)
        self._running = 0.0  # seconds expected of what the runtime works on, and of what is copied for it
        self._copier = ThreadPoolExecutor(1, thread_name_prefix=f"copy-{name}")  # has no thread until it is used
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
        self.refuse_late(n, height * width, expires)
        future = self._loop.create_future()
        work = Work(inputs, outputs, expires, future, self.pace.expected(height * width))
        if not self._waiting.add(work):
            raise UnavailableError("the server is stopping")
        try:
            with self._motion.waiting():
                done: Done = await work.future
            return done
        except asyncio.CancelledError:
            self._waiting.discard(work)
            raise

    def refuse_late(self, images: int, size: int, expires: float) -> None:
        """Say at once that images will not be done in time.

        Args:
            images: how many.
            size: pixels of each, or of what is run of each at a time.
            expires: `time.monotonic()` after which nobody needs the answer.

        Raises:
            DeadlineError: in the fastest runs that were seen they will not, or not behind what waits already.
        """
        left = expires - time.monotonic()
        if images * self.pace.best(size) > left:
            raise DeadlineError("the deadline is shorter than the work takes")
        ahead = self._waiting.seconds + self._running
        if ahead and ahead + images * self.pace.expected(size) > left:
            raise DeadlineError("the deadline is shorter than the queue: too much waits already")

    def stuck(self, seconds: float) -> bool:
        """Tell whether work waits, and no run has begun or ended for so long."""
        return self._motion.stuck(seconds)

    async def close(self) -> None:
        """Finish the batch that runs, fail what waits, and end the thread."""
        for work in self._waiting.close():
            _fail(work, UnavailableError("the server is stopping"))
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        batch, copying = self._waiting.take(), None
        try:
            while batch is not None:
                following = self._waiting.take_full(WORTH_A_THREAD, batch.seconds)
                copied = self._copier.submit(_join, following.parts) if following else None
                self._running = batch.seconds + (following.seconds if following else 0.0)
                self._run(batch, copying)
                batch, copying = following or self._take(), copied
        except RuntimeError:  # the loop is gone, and with it everyone who waits
            log.debug("the event loop was closed under a batch", exc_info=True)
        finally:
            self._copier.shutdown()

    def _take(self) -> Batch | None:
        self._running = 0.0
        return self._waiting.take()

    def _run(self, batch: Batch, copying: Future[tuple[Array, ...]] | None) -> None:
        if batch.late:
            late = DeadlineError("the deadline passed in the queue, or could no more be kept")
            self._loop.call_soon_threadsafe(_fail_all, batch.late, late)
        if all(part.work.dropped for part in batch.parts):
            return
        joining = time.monotonic()
        try:
            inputs = copying.result() if copying else _join(batch.parts)
            started = time.monotonic()
            with self._motion.running():
                outputs = self._session.run(inputs, batch.parts[0].work.outputs)
        except Exception as error:
            self._recover(batch, error)
            return
        self._loop.call_soon_threadsafe(self._deliver, batch, outputs, joining, started, time.monotonic())

    def _recover(self, batch: Batch, error: Exception) -> None:
        if len(batch.parts) > 1:
            for part in batch.parts:
                self._run(Batch([part]), None)
            return
        log.error("a run failed: %s", error, extra={"request": batch.parts[0].work.request})
        fault = error if isinstance(error, ServeError) else FaultError(str(error))
        self._loop.call_soon_threadsafe(self._give_up, batch.parts[0].work, fault)

    def _give_up(self, work: Work, fault: ServeError) -> None:
        self._waiting.discard(work)
        _fail(work, fault)

    def _deliver(self, batch: Batch, outputs: tuple[Array, ...], joining: float, started: float, ended: float) -> None:
        splitting, first = time.monotonic(), 0
        for part in batch.parts:
            last = first + part.stop - part.start
            part.work.add([output[first:last] for output in outputs], started, ended)
            first = last
            if part.work.complete and not part.work.future.done():
                done = Done(part.work.joined(), part.work.queue_seconds, part.work.run_seconds)
                part.work.future.set_result(done)
        splits = time.monotonic() - splitting
        self.statistics.executed(
            first,
            pixels=batch.pixels,
            why=batch.why,
            joining=started - joining,
            running=ended - started,
            splitting=splits,
        )
        self.pace.ran(batch.parts[0].work.pixels, batch.images, ended - started, full=batch.why == "full")


def _join(parts: Sequence[Part]) -> tuple[Array, ...]:
    slices = [part.arrays() for part in parts]
    if len(slices) == 1:
        return slices[0]
    return tuple(np.concatenate(arrays) for arrays in zip(*slices, strict=True))


def _fail(work: Work, error: ServeError) -> None:
    if not work.future.done():
        work.future.set_exception(error)


def _fail_all(works: Sequence[Work], error: ServeError) -> None:
    for work in works:
        _fail(work, error)
