"""The queue of a model as a front sees it: it leads to the owners that run the model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from serve.batching.batcher import WORTH_A_THREAD, Done
from serve.batching.motion import PATIENCE
from serve.errors import DeadlineError, OverloadError, RequestError, UnavailableError, Violation
from serve.fronts.arena import Arena, FullError
from serve.fronts.board import Board
from serve.fronts.layout import Layouts
from serve.fronts.messages import Submit
from serve.fronts.parts import Parts, copy_all
from serve.fronts.peer import GONE, Peer
from serve.metadata import ModelMetadata

__all__ = ["RemoteQueue", "Replica"]

SHARE = 4  # a work takes at most one part of so many of the shared memory; what is larger goes in several works
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Replica:
    """A model as one owner offers it: under which number, and where on the board."""

    peer: Peer
    number: int
    slot: int


class RemoteQueue:
    """The queue of a model that runs in other processes; see `serve.catalogue.Queue`.

    It is its own budget: what it holds is counted on the board, for all fronts together.

    Args:
        metadata: of the model.
        arena, board, front: as for `serve.fronts.remote.RemoteModels`.
        limit: most pixels that may be held for each owner.

    Attributes:
        replicas: where it runs, also where it is only finished what was begun.
        offered: those that take new requests.
    """

    def __init__(self, metadata: ModelMetadata, arena: Arena, board: Board, front: int, limit: int) -> None:
        self.replicas: list[Replica] = []
        self.offered: list[Replica] = []
        self._layouts = Layouts(metadata)
        self._arena, self._board, self._front, self._limit = arena, board, front, limit
        self._requests = 0
        self._asked = 0
        self._moved = 0.0  # when something was asked of idle owners, or the latest answer came
        self._longest = 0.0

    @property
    def limit(self) -> int:
        """Pixels that may be held, at most."""
        return self._limit * len(self.replicas)

    @property
    def taken(self) -> int:
        """Pixels that requests of all fronts hold which are not answered yet."""
        return sum(self._board.held(one.peer.owner, one.slot) for one in self.replicas)

    @property
    def budget(self) -> RemoteQueue:
        """What may wait."""
        return self

    def add(self, replica: Replica) -> None:
        """Send work there, too."""
        if replica not in self.replicas:
            self.replicas.append(replica)
            self.offered.append(replica)

    def withdraw(self, peer: Peer, there: set[int]) -> None:
        """Begin nothing more with an owner but under these numbers."""
        self.offered = [one for one in self.offered if one.peer is not peer or one.number in there]
        self._settle()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[_Share]:
        """Hold pixels until the request is answered.

        Raises:
            OverloadError: there is no room for them.
            UnavailableError: no owner runs the model.
        """
        where = min(self._usable(), key=lambda one: self._board.held(one.peer.owner, one.slot))
        share = _Share(self, where)
        self._requests += 1
        try:
            share.resize(pixels)
            yield share
        finally:
            self._board.hold(self._front, where.peer.owner, where.slot, -share.pixels)
            self._requests -= 1
            self._settle()

    def take(self, where: Replica, more: int) -> None:
        """Add to what is held, or refuse."""
        held = self.taken
        if more > 0 and held and held + more > self.limit:
            self._refuse("the queue is full", held)
        self._board.hold(self._front, where.peer.owner, where.slot, more)

    def refuse_late(self, images: int, size: int, expires: float) -> None:  # noqa: ARG002
        """Say that the deadline has passed; that it is too short, only the owner can tell.

        Raises:
            DeadlineError: it has.
        """
        if time.monotonic() > expires:
            raise DeadlineError("the deadline passed before the work began")

    def stuck(self, seconds: float) -> bool:
        """Tell whether work waits and none was answered for so long, or thrice as long as the longest run took."""
        return bool(self._asked) and time.monotonic() - self._moved > max(seconds, PATIENCE * self._longest)

    async def submit(self, inputs: tuple[Array, ...], outputs: tuple[str, ...], expires: float) -> Done:
        """Run the model on a block of images of one size; see `serve.batching.batcher.Batcher.submit`.

        Raises:
            OverloadError: the shared memory is full.
            RequestError: an image takes more than all of it.
        """
        n, height, width = inputs[0].shape[:3]
        each = self._layouts.of(outputs, (1, height, width)).nbytes
        most = max(1, self._arena.segment.size // SHARE // each)
        if n <= most:
            return await self._run(inputs, outputs, expires)
        parts = Parts(n)
        for first in range(0, n, most):
            parts.add(await self._run(tuple(array[first : first + most] for array in inputs), outputs, expires))
        return parts.done()

    async def _run(self, inputs: tuple[Array, ...], outputs: tuple[str, ...], expires: float) -> Done:
        n, height, width = size = inputs[0].shape[:3]
        where = min(self._usable(), key=lambda one: self._board.under_way(one.peer.owner, one.slot))
        layout = self._layouts.of(outputs, size)
        offset, block = self._block(layout.nbytes)
        places = [place.of(block) for place in layout.inputs]
        if layout.nbytes < WORTH_A_THREAD:
            copy_all(places, inputs)
        else:
            await asyncio.to_thread(copy_all, places, inputs)
        self._count(where, n * height * width)
        try:
            work = Submit(where.peer.number(), where.number, expires, offset, size, outputs)
            asked = where.peer.ask(work, block)
            del block, places  # or a failure's traceback would keep the block from being free
            done, block = await asked
        finally:
            self._count(where, -n * height * width)
        self._moved, self._longest = time.monotonic(), max(self._longest, done.run)
        return Done(tuple(place.of(block) for place in layout.results), done.queue, done.run)

    def _count(self, where: Replica, pixels: int) -> None:
        """Count a work as under way, or, less than 0, as ended."""
        if not self._asked:
            self._moved = time.monotonic()
        self._asked += 1 if pixels > 0 else -1
        self._board.send(self._front, where.peer.owner, where.slot, pixels)

    def _block(self, size: int) -> tuple[int, NDArray[np.uint8]]:
        if size > self._arena.segment.size:
            most = self._arena.segment.size
            raise RequestError(Violation("images", f"one takes {size} bytes with its results, {most} are shared"))
        try:
            return self._arena.take(size)
        except FullError:
            self._refuse("the memory that is shared is full", self.taken)

    def _usable(self) -> list[Replica]:
        """Where to send: to those that offer it, or else to those that finish what was begun."""
        if not self.replicas:
            raise UnavailableError(GONE)
        return self.offered or self.replicas

    def _refuse(self, why: str, pixels: int) -> NoReturn:
        rate = max(self._board.rate(one.peer.owner, one.slot) for one in self.replicas)
        wait = max(0.01, pixels * rate / len(self.replicas))
        raise OverloadError(f"{why}: try again in {wait:.2f} s", retry_after=wait)

    def _settle(self) -> None:
        """Let go of replicas that were withdrawn, when no request is left that may need them."""
        self.replicas = [one for one in self.replicas if one.peer.alive]
        if not self._requests:
            for one in self.replicas:
                if one not in self.offered:
                    one.peer.release(one.number)
            self.replicas = list(self.offered)


class _Share:
    """A request's share of a queue."""

    def __init__(self, queue: RemoteQueue, where: Replica) -> None:
        self._queue, self._where = queue, where
        self.pixels = 0

    def resize(self, pixels: int) -> None:
        """Change it to the size that decoding has shown."""
        self._queue.take(self._where, pixels - self.pixels)
        self.pixels = pixels
