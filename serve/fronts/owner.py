"""Fronts as an owner sees them: what they send is checked, queued with that of the others, and answered."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from serve.batcher import WORTH_A_THREAD, Done
from serve.catalogue import ModelState
from serve.errors import FaultError, ServeError, UnavailableError
from serve.fronts.board import MODELS, Board
from serve.fronts.layout import Layouts
from serve.fronts.link import Link, open_link
from serve.fronts.parts import copy_all
from serve.fronts.segment import PlaceError, Segment
from serve.fronts.wire import Cancel, Failed, Finished, Message, Offer, Offers, Release, Submit
from serve.models import Model, Models

__all__ = ["Owner"]

Array = NDArray[Any]
STATES = 1.0  # seconds between two looks at how it stands with all versions
log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Offered:
    """A model that fronts know of; while one does, something is reserved in its queue, so that it is not closed."""

    offer: Offer
    model: Model
    lease: ExitStack
    layouts: Layouts
    users: set[_Front] = field(default_factory=set)


class Owner:
    """Runs what all fronts send; it belongs to one event loop.

    Args:
        models: what there is; the fronts are told when it changes.
        board: where the fronts read how fast each model is.
        index: of this owner.
    """

    def __init__(self, models: Models, board: Board, index: int) -> None:
        self._models, self._board, self._index = models, board, index
        self._states: list[ModelState] = []
        self._numbers = itertools.count(1)
        self._offered: dict[int, _Offered] = {}
        self._fronts: set[_Front] = set()
        self._alone = asyncio.Event()
        models.subscribe(self.announce)

    async def join(self, sock: socket.socket, memory: int) -> None:
        """Take on a front.

        Args:
            sock: connected to it.
            memory: descriptor of what it shares; it is closed.
        """
        front = _Front(self, Segment(memory))
        os.close(memory)
        self._fronts.add(front)
        self._alone.clear()
        await front.open(sock)
        await self.announce()

    async def deserted(self) -> None:
        """Wait until no front is left; at once where there is none."""
        if self._fronts:
            await self._alone.wait()

    async def announce(self) -> None:
        """Tell all fronts what there is now."""
        self._states = self._models.states()
        known = {id(offered.model): offered for offered in self._offered.values()}
        current = [known.get(id(model)) or self._offer(model) for model in self._models]
        there = [offered for offered in current if offered is not None]
        for front in self._fronts:
            for offered in there:
                offered.users.add(front)
            front.answer(Offers(tuple(offered.offer for offered in there), tuple(self._states)))
        self._settle()

    async def follow_states(self) -> None:
        """Tell the fronts of versions that load or fail, of which nobody else tells; without end."""
        while True:
            await asyncio.sleep(STATES)
            if self._models.states() != self._states:
                await self.announce()

    def offered(self, number: int, front: _Front) -> _Offered | None:
        """Find what a front means by a number."""
        offered = self._offered.get(number)
        return offered if offered and front in offered.users else None

    def ran(self, offered: _Offered) -> None:
        """Let the fronts know how fast a model is."""
        self._board.tell_rate(self._index, offered.offer.slot, offered.model.batcher.pace.rate)

    def released(self, front: _Front, numbers: Iterable[int]) -> None:
        """Take note that a front does not use offers any more."""
        for number in numbers:
            if number in self._offered:
                self._offered[number].users.discard(front)
        self._settle()

    def left(self, front: _Front) -> None:
        """Forget a front."""
        self._fronts.discard(front)
        self.released(front, list(self._offered))
        if not self._fronts:
            self._alone.set()

    def _offer(self, model: Model) -> _Offered | None:
        free = set(range(MODELS)) - {offered.offer.slot for offered in self._offered.values()}
        if not free:
            log.error("%s version %s is not served: there are %d models already", model.name, model.version, MODELS)
            return None
        number, lease = next(self._numbers), ExitStack()
        lease.enter_context(model.batcher.budget.reserve(0))
        about = (model.name, model.version, model.provider, model.run_pixels, model.metadata.to_json())
        self._offered[number] = _Offered(Offer(number, min(free), *about), model, lease, Layouts(model.metadata))
        return self._offered[number]

    def _settle(self) -> None:
        """Let go of what is neither there any more nor used by a front."""
        current = {id(model) for model in self._models}
        for number, offered in list(self._offered.items()):
            if id(offered.model) not in current and not offered.users:
                del self._offered[number]
                offered.lease.close()


class _Front:
    """One front: what it has asked for and how it is answered."""

    def __init__(self, owner: Owner, segment: Segment) -> None:
        self._owner, self._segment = owner, segment
        self._link: Link | None = None
        self._works: dict[int, asyncio.Task[None]] = {}  # those that may still be cancelled

    async def open(self, sock: socket.socket) -> None:
        self._link = await open_link(sock, self._heard, self._ended)

    def _heard(self, message: Message) -> None:
        if isinstance(message, Submit):
            self._works[message.number] = asyncio.get_running_loop().create_task(self._work(message))
        elif isinstance(message, Cancel) and message.number in self._works:
            self._works[message.number].cancel()
        elif isinstance(message, Release):
            self._owner.released(self, [message.model])

    def _ended(self) -> None:
        self._link = None
        for task in self._works.values():
            task.cancel()
        self._owner.left(self)

    async def _work(self, message: Submit) -> None:
        """Run what was asked for; whatever happens, the front is answered once."""
        try:
            done, places = await self._run(message)
            await _write(places, done.outputs)
            self.answer(Finished(message.number, done.queue, done.run))
        except ServeError as error:
            self.answer(Failed(message.number, error))
        except asyncio.CancelledError:
            self.answer(Failed(message.number, UnavailableError("nobody waits for it")))
        except Exception as error:
            log.exception("a work failed")
            self.answer(Failed(message.number, FaultError(str(error))))

    async def _run(self, message: Submit) -> tuple[Done, Sequence[Array]]:
        """Run it; from here on it cannot be cancelled, since its block is free after the answer."""
        try:
            offered = self._owner.offered(message.model, self)
            if offered is None:
                raise UnavailableError("this version is served no longer: try again")
            inputs, places = self._arrays(message, offered.layouts)
            done = await offered.model.batcher.submit(inputs, message.outputs, message.expires)
            self._owner.ran(offered)
            return done, places
        finally:
            del self._works[message.number]

    def _arrays(self, message: Submit, layouts: Layouts) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """See what a front means; nothing outside of the segment is ever read or written, whatever it says."""
        try:
            layout = layouts.of(message.outputs, message.size)
            return layout.arrays(self._segment.block(message.offset, layout.nbytes))
        except PlaceError as error:
            raise FaultError(f"a front asked for what cannot be: {error}") from error

    def answer(self, message: Message) -> None:
        if self._link:
            self._link.send(message)


async def _write(places: Sequence[Array], outputs: Sequence[Array]) -> None:
    """Put the results where they are wanted."""
    for place, output in zip(places, outputs, strict=True):
        if (place.shape, place.dtype) != (output.shape, output.dtype):
            meant = f"{place.dtype} {place.shape}"
            raise FaultError(f"the model gave {output.dtype} {output.shape} where its metadata means {meant}")
    if sum(place.nbytes for place in places) < WORTH_A_THREAD:
        copy_all(places, outputs)
    else:
        await asyncio.to_thread(copy_all, places, outputs)
