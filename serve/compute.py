"""Request to result, the same for every protocol: hold room in the queue, read the images, run the model on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve import runs
from serve.batching.batcher import Done
from serve.blocks import MIN_COST, Block, Fit, Limits
from serve.catalogue import Served
from serve.config import ServeConfig
from serve.errors import RequestError, Violation
from serve.protocol.ticket import Ticket

__all__ = ["Answer", "Compute", "Job"]

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Job:
    """What one request wants of a model.

    Attributes:
        images: how many it holds.
        cost: pixels that the queue holds for them until they are read.
        read: reads them; whatever it raises ends the request.
        slow: reading takes longer than it takes to hand it to a thread.
        outputs: names of what to compute.
        raw: those of them that travel back as they are, so that their size is known before they are computed.
        fit: how `read` sizes the images; None: it does not.
    """

    images: int
    cost: int
    read: Callable[[], list[Block]]
    slow: bool
    outputs: tuple[str, ...]
    raw: tuple[str, ...]
    fit: Fit | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model computed for the blocks of one request.

    Attributes:
        model: which one.
        blocks: the images.
        done: the results of each block.
    """

    model: Served
    blocks: Sequence[Block]
    done: Sequence[Done]

    def rows(self, output: int) -> list[Array]:
        """One array for each image, in the order of the request."""
        if len(self.blocks) == 1:
            return list(self.done[0].outputs[output])
        rows: dict[int, Array] = {}
        for block, done in zip(self.blocks, self.done, strict=True):
            rows.update(zip(block.where, done.outputs[output], strict=True))
        return [rows[index] for index in range(len(rows))]

    def matrix(self, output: int) -> Array:
        """One row for each image: (N, ...)."""
        return self.done[0].outputs[output] if len(self.blocks) == 1 else np.stack(self.rows(output))

    @property
    def queue(self) -> float:
        """Seconds until the last block began to run."""
        return max(done.queue for done in self.done)

    @property
    def run(self) -> float:
        """Seconds of all runs that it took part in."""
        return sum(done.run for done in self.done)


class Compute:
    """From a job to its answer.

    Args:
        config: the limits.
        threads: where images are decoded, and tiles cut and joined.

    Attributes:
        limits: what one request may hold.
        reply_bytes: most bytes of a reply.
    """

    def __init__(self, config: ServeConfig, threads: Executor) -> None:
        self.limits = Limits(config.max_request_images, config.max_image_pixels, config.queue_pixels)
        self.reply_bytes = config.max_message_bytes
        self._threads = threads

    async def __call__(self, model: Served, job: Job, ticket: Ticket) -> Answer:
        """Compute what a request asks for.

        Raises:
            RequestError: an image is not as it must be, or over a limit; or the reply would be.
            OverloadError: there is no room in the queue.
            DeadlineError, FaultError, UnavailableError: as `Batcher.submit`.
        """
        ticket.model, ticket.images = model, job.images
        if job.fit:
            self._refuse_above_the_queue(job.fit.cost(job.images))
        with model.batcher.budget.reserve(min(self.limits.pixels, job.cost)) as reservation:
            with ticket.reading():
                blocks = await self.thread(job.read) if job.slow else job.read()
            cost = sum(block.cost for block in blocks)
            self._refuse_above_the_queue(cost)
            reservation.resize(cost)
            runs.check_sizes(model, blocks)
            runs.check_reply(model.metadata, job.raw, blocks, self.reply_bytes)
            works = [runs.run_block(model, block, job.outputs, ticket.expires, self._threads) for block in blocks]
            answer = Answer(model, blocks, [await works[0]] if len(works) == 1 else await runs.all_of(works))
            ticket.ran(queue=answer.queue, run=answer.run)
            return answer

    async def thread(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run what takes long where it does not hold up the other callers."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, call, *args)

    def _refuse_above_the_queue(self, cost: int) -> None:
        """Say that it never fits, where "try again" would be said for ever."""
        if cost > self.limits.pixels:
            rule = f"at most {self.limits.pixels} pixels in one request, as the model takes the images"
            raise RequestError(Violation("images", f"{rule} (one counts as {MIN_COST} at least), got {cost}"))
