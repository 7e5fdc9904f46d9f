"""Fronts as an owner sees them: what they send is checked, queued with that of the others, and answered."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from serve.batching.statistics import ModelStatistics
from serve.catalogue import ModelState
from serve.fronts import messages
from serve.fronts.board import MODELS, Board
from serve.fronts.caller import Caller
from serve.fronts.layout import Layouts
from serve.fronts.messages import Offer, Offers, Tally, Totals
from serve.fronts.plain import counts_of, merged, plain, statistics_of
from serve.fronts.segment import Segment
from serve.fronts.tallies import Tallies
from serve.lifecycle.models import Model, Models
from serve.observing.counts import RequestCounts

__all__ = ["Offered", "Owner", "Seen"]

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Offered:
    """A model that fronts know of; while one does, something is reserved in its queue, so that it is not closed."""

    offer: Offer
    model: Model
    lease: ExitStack
    layouts: Layouts
    users: set[Caller] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model has done.

    Attributes:
        model: which one.
        statistics: its runs, and its requests in all fronts.
        held: pixels that requests hold which are not answered yet.
    """

    model: Model
    statistics: ModelStatistics
    held: int


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
        self._offered: dict[int, Offered] = {}
        self._fronts: set[Caller] = set()
        self._alone = asyncio.Event()
        self._tallies = Tallies()
        models.subscribe(self.announce)

    async def join(self, sock: socket.socket, memory: int) -> None:
        """Take on a front.

        Args:
            sock: connected to it.
            memory: descriptor of what it shares; it is closed.
        """
        front = Caller(self, Segment(memory))
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

    async def keep_telling(self) -> None:
        """Tell the fronts of versions that load or fail, of which nobody else tells, and of all counters; no end."""
        while True:
            await asyncio.sleep(messages.TELL)
            if self._models.states() != self._states:
                await self.announce()
            runs = {number: plain(offered.model.statistics) for number, offered in self._offered.items()}
            for front in self._fronts:
                others = {number: self._tallies.of_model(number, without=front) for number in runs}
                front.total(Totals(runs, others))

    def counted(self, front: Caller, tally: Tally) -> None:
        """Take what a front has counted.

        Raises:
            PlainError: these are no counters.
        """
        self._tallies.take(front, tally)

    def seen(self) -> list[Seen]:
        """What the offered models have done, requests of all fronts included; on any thread."""
        return [
            Seen(
                offered.model,
                statistics_of(merged([plain(offered.model.statistics), self._tallies.of_model(number)])),
                self._board.held(self._index, offered.offer.slot),
            )
            for number, offered in tuple(self._offered.items())
        ]

    def requests(self) -> RequestCounts:
        """Requests of all fronts; on any thread."""
        return counts_of(self._tallies.requests())

    def offered(self, number: int, front: Caller) -> Offered | None:
        """Find what a front means by a number."""
        offered = self._offered.get(number)
        return offered if offered and front in offered.users else None

    def ran(self, offered: Offered) -> None:
        """Let the fronts know how fast a model is."""
        self._board.tell_rate(self._index, offered.offer.slot, offered.model.batcher.pace.rate)

    def released(self, front: Caller, numbers: Iterable[int]) -> None:
        """Take note that a front does not use offers any more."""
        for number in numbers:
            if number in self._offered:
                self._offered[number].users.discard(front)
        self._settle()

    def left(self, front: Caller) -> None:
        """Forget a front."""
        self._fronts.discard(front)
        self._tallies.bury(front)
        self.released(front, list(self._offered))
        if not self._fronts:
            self._alone.set()

    def _offer(self, model: Model) -> Offered | None:
        free = set(range(MODELS)) - {offered.offer.slot for offered in self._offered.values()}
        if not free:
            log.error("%s version %s is not served: there are %d models already", model.name, model.version, MODELS)
            return None
        number, lease = next(self._numbers), ExitStack()
        lease.enter_context(model.batcher.budget.reserve(0))
        about = (model.name, model.version, model.provider, model.run_pixels, model.metadata.to_json())
        self._offered[number] = Offered(Offer(number, min(free), *about), model, lease, Layouts(model.metadata))
        return self._offered[number]

    def _settle(self) -> None:
        """Let go of what is neither there any more nor used by a front."""
        current = {id(model) for model in self._models}
        for number, offered in list(self._offered.items()):
            if id(offered.model) not in current and not offered.users:
                del self._offered[number]
                self._tallies.forget(number)
                offered.lease.close()
