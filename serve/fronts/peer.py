"""An owner as a front sees it: what it offers, and what it has been asked and not answered."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from serve.catalogue import ModelState
from serve.errors import ServeError, UnavailableError
from serve.fronts.link import Link, open_link
from serve.fronts.messages import Cancel, Failed, Finished, Message, Offer, Offers, Release, Submit, Tally, Totals

__all__ = ["GONE", "Peer"]

GONE = "the process that ran the model has ended: try again"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked. It holds the block: an owner may read and write there until it has answered."""

    future: asyncio.Future[tuple[Finished, NDArray[Any]]]
    block: NDArray[Any]


class Peer:
    """One owner.

    Args:
        owner: its index.
        offered: called when it says what it offers.
        totalled: called when it says what others have counted.
        ended: called when it is gone.

    Attributes:
        owner: its index.
        offers: what it offers at the moment; nothing when it is gone.
        states: of all versions that it knows of.
        heard: it has said so.
        totals: what others than this front have counted.
    """

    def __init__(
        self,
        owner: int,
        *,
        offered: Callable[[Peer], None],
        totalled: Callable[[], None],
        ended: Callable[[Peer], None],
    ) -> None:
        self.owner = owner
        self.offers: tuple[Offer, ...] = ()
        self.states: tuple[ModelState, ...] = ()
        self.heard = False
        self.totals = Totals({}, {})
        self._told: Tally | None = None
        self._offered, self._totalled, self._ended = offered, totalled, ended
        self._link: Link | None = None
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._link is not None

    async def open(self, sock: socket.socket) -> None:
        """Begin to speak."""
        self._link = await open_link(sock, self._heard, self._end)

    def number(self) -> int:
        """Give a number for a work."""
        return next(self._numbers)

    async def ask(self, work: Submit, block: NDArray[Any]) -> tuple[Finished, NDArray[Any]]:
        """Have a model run.

        Args:
            work: with a number of its own.
            block: of the shared memory, with the inputs and room for the results.

        Returns:
            How long it took, and the block, with the results.

        Raises:
            ServeError: what the owner says; UnavailableError when it is gone.
        """
        if self._link is None:
            raise UnavailableError(GONE)
        number, future = work.number, asyncio.get_running_loop().create_future()
        self._asked[number] = _Asked(future, block)
        del block  # or a failure's traceback would keep it from being free
        self._link.send(work)
        try:
            answer: tuple[Finished, NDArray[Any]] = await future
            return answer
        except asyncio.CancelledError:
            if number in self._asked and self._link:
                self._link.send(Cancel(number))
            raise

    def release(self, model: int) -> None:
        """Say that an offer that was withdrawn is not used any more."""
        if self._link:
            self._link.send(Release(model))

    def tell(self, tally: Tally) -> None:
        """Say what this front has counted, if that has changed."""
        if self._link and self.heard and tally != self._told:
            self._told = tally
            self._link.send(tally)

    def close(self, error: ServeError) -> None:
        """Leave it; what it was asked fails."""
        if self._link:
            self._link.close()
        self._fail(error)

    def _heard(self, message: Message) -> None:
        if isinstance(message, Offers):
            self.offers, self.states, self.heard = message.offers, message.states, True
            self._offered(self)
        elif isinstance(message, Totals):
            self.totals = message
            self._totalled()
        elif isinstance(message, Finished | Failed) and (asked := self._asked.pop(message.number, None)):
            if asked.future.done():  # nobody waits
                return
            if isinstance(message, Finished):
                asked.future.set_result((message, asked.block))
            else:
                asked.future.set_exception(message.error)

    def _end(self) -> None:
        self._link, self.offers = None, ()
        self._fail(UnavailableError(GONE))
        self._ended(self)

    def _fail(self, error: ServeError) -> None:
        """End what was asked; its blocks are free, for whoever could have written there is gone."""
        asked, self._asked = self._asked, {}
        for one in asked.values():
            if not one.future.done():
                one.future.set_exception(error)
