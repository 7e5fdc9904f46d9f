"""`symae serve` with several processes: starts them, links them, replaces whichever dies, and ends them in order.

It takes no calls and loads no models, so it is the last that would fail, and a process can be started from it at any
time: none is ever forked from one in which gRPC has begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from serve.config import ServeConfig
from serve.errors import FaultError, ServeError
from serve.fronts.board import Board
from serve.fronts.child import MARGIN, drain_seconds
from serve.fronts.control import Document, Failed, Lost, Ready, Role, Start
from serve.fronts.spawn import Child, link, spawn
from serve.protocol.address import HeldAddress
from serve.protocol.probes import REMEDY

__all__ = ["Supervisor", "serve_with_fronts"]

FIRST, LONGEST = 0.1, 5.0  # seconds before a process is replaced; doubled each time that it fails soon again
STEADY = 10.0  # seconds after which it counts as having worked
MOST = 12  # failures in a row after which whoever watches this process must know that something is wrong
RELINK = 0.2  # seconds before two processes are linked again, in which one that died is found to be dead
log = logging.getLogger(__name__)


def serve_with_fronts(
    models: Path, config: ServeConfig, ready: Callable[[str], None], *, told: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Args:
        models: a repository.
        config: of the server.
        ready: called once with HOST:PORT, when all processes work.
        told: called before with a line for each model.

    Raises:
        ServeError: something could not be started, or not be kept alive.
    """

    async def main() -> None:
        with contextlib.ExitStack() as addresses:
            address = addresses.enter_context(contextlib.closing(HeldAddress(config.address))).address
            held = replace(config, address=address)
            if config.health_address:
                health = HeldAddress(config.health_address, REMEDY)
                held = replace(held, health_address=addresses.enter_context(contextlib.closing(health)).address)
            await Supervisor(models, held).run(lambda: ready(held.address), told)

    asyncio.run(main())


class Supervisor:
    """All processes of a server.

    Args:
        models: a repository.
        config: of the server; its address is held.
    """

    def __init__(self, models: Path, config: ServeConfig) -> None:
        self._models, self._config = models, config
        self._owners = len(config.devices) or 1
        self._board_memory = Board.room(config.fronts, self._owners)
        self._board = Board(self._board_memory, config.fronts, self._owners)
        self._lives = itertools.count(1)
        self._children: dict[tuple[Role, int], Child] = {}
        self._all_work, self._ending = asyncio.Event(), asyncio.Event()
        self._lines: tuple[str, ...] = ()
        self._failure: ServeError | None = None

    async def run(self, ready: Callable[[], None], told: Callable[[str], None]) -> None:
        """Start everything, keep it alive, and end it when told to.

        Raises:
            ServeError: something could not be started, or not be kept alive.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._ending.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._look)
        owners = [asyncio.create_task(self._keep("owner", index)) for index in range(self._owners)]
        fronts = [asyncio.create_task(self._keep("front", index)) for index in range(self._config.fronts)]
        events = [asyncio.create_task(event.wait()) for event in (self._all_work, self._ending)]
        await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
        if not self._ending.is_set():
            for line in self._lines:
                told(line)
            ready()
        await self._ending.wait()
        await self._end("front", fronts, drain_seconds(self._config) + MARGIN)
        await self._end("owner", owners, MARGIN)
        for event in events:
            event.cancel()
        os.close(self._board_memory)
        if self._failure:
            raise self._failure

    async def _keep(self, role: Role, index: int) -> None:
        """Have a process of a role and index at all times, until the end."""
        failures = 0
        while not self._ending.is_set():
            child = await self._begin(role, index)
            code = await child.ended()
            self._forget(child)
            if self._ending.is_set():
                return
            failures = 0 if child.works and time.monotonic() - child.born > STEADY else failures + 1
            if not self._all_work.is_set() or failures > MOST:
                self._give_up(child, code)
                return
            wait = min(LONGEST, FIRST * 2.0 ** max(0, failures - 1))
            log.error("%s ended with %d%s: it is replaced", child.name, code, _why(child))
            await _first(self._ending, wait)

    async def _begin(self, role: Role, index: int) -> Child:
        config = self._config
        if role == "owner" and config.devices:
            config = replace(config, devices=(config.devices[index],))
        start = Start(role, index, self._owners, config, self._models)
        child = await spawn(start, next(self._lives), self._board_memory, self._heard)
        self._children[role, index] = child
        for other in self._of("owner" if role == "front" else "front"):
            link(child, other) if role == "front" else link(other, child)
        if self._ending.is_set():
            child.end()
        return child

    def _heard(self, child: Child, document: Document) -> None:
        if isinstance(document, Ready):
            child.works = True
            self._lines = document.lines or self._lines
            if len(self._children) == self._owners + self._config.fronts and all(
                one.works for one in self._children.values()
            ):
                self._all_work.set()
        elif isinstance(document, Failed):
            child.failure = document.error
        elif isinstance(document, Lost):
            asyncio.get_running_loop().call_later(RELINK, self._relink, child, document)

    def _look(self) -> None:
        """Pass on what makes owners look for models now."""
        for owner in self._of("owner"):
            if owner.works:  # before that it would end it
                owner.process.send_signal(signal.SIGHUP)

    def _relink(self, front: Child, lost: Lost) -> None:
        """Link a front again with an owner that has closed the link and yet lives on."""
        owner = self._children.get(("owner", lost.index))
        there = front in self._children.values() and not self._ending.is_set()
        if there and owner and owner.works and owner.life == lost.life:
            log.error("%s and %s are linked again", front.name, owner.name)
            link(front, owner)

    def _forget(self, child: Child) -> None:
        del self._children[child.start.role, child.start.index]
        child.bury()
        if child.start.role == "front":
            self._board.forget(child.start.index)

    def _give_up(self, child: Child, code: int) -> None:
        """End everything, with a reason."""
        self._failure = self._failure or child.failure or FaultError(f"{child.name} ended with {code}, see the log")
        self._ending.set()

    async def _end(self, role: Role, keepers: Iterable[asyncio.Task[None]], seconds: float) -> None:
        for child in self._of(role):
            child.end()
        _, hanging = await asyncio.wait(keepers, timeout=seconds)
        for child in self._of(role):
            log.error("%s does not end: it is killed", child.name)
            child.end(at_once=True)
        if hanging:
            await asyncio.wait(hanging)

    def _of(self, role: Role) -> list[Child]:
        return [child for child in self._children.values() if child.start.role == role]


def _why(child: Child) -> str:
    return f" ({child.failure})" if child.failure else ""


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but not longer."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
