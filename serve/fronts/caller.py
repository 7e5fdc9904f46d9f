"""One front as an owner sees it: what it has asked for, and how it is answered."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serve.batching.batcher import WORTH_A_THREAD, Done
from serve.errors import FaultError, ServeError, UnavailableError
from serve.fronts.layout import Layouts
from serve.fronts.link import Link, open_link
from serve.fronts.messages import Cancel, Failed, Finished, Message, Release, Submit, Tally, Totals
from serve.fronts.parts import copy_all
from serve.fronts.segment import PlaceError, Segment

if TYPE_CHECKING:
    from serve.fronts.owner import Owner

__all__ = ["Caller"]

Array = NDArray[Any]
log = logging.getLogger(__name__)


class Caller:
    """One front: what it has asked for and how it is answered."""

    def __init__(self, owner: Owner, segment: Segment) -> None:
        self._owner, self._segment = owner, segment
        self._link: Link | None = None
        self._told: Totals | None = None
        self._works: dict[int, asyncio.Task[None]] = {}  # those that may still be cancelled

    async def open(self, sock: socket.socket) -> None:
        """Begin to speak."""
        self._link = await open_link(sock, self._heard, self._ended)

    def _heard(self, message: Message) -> None:
        if isinstance(message, Submit):
            self._works[message.number] = asyncio.get_running_loop().create_task(self._work(message))
        elif isinstance(message, Cancel) and message.number in self._works:
            self._works[message.number].cancel()
        elif isinstance(message, Release):
            self._owner.released(self, [message.model])
        elif isinstance(message, Tally):
            self._owner.counted(self, message)

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

    def total(self, totals: Totals) -> None:
        """Tell it what others have counted, if that has changed."""
        if totals != self._told:
            self._told = totals
            self.answer(totals)

    def answer(self, message: Message) -> None:
        """Tell it something, if it is there."""
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
