"""The process of a front: a server like any other, whose models are in other processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from serve.fronts import messages
from serve.fronts.arena import Arena
from serve.fronts.board import Board
from serve.fronts.child import told_to_stop
from serve.fronts.control import Control, Document, Linked, Lost, Ready, Start
from serve.fronts.plain import plain_counts
from serve.fronts.remote import RemoteModels
from serve.fronts.segment import Segment
from serve.observing.counts import RequestCounts
from serve.process import settle
from serve.server import Server

__all__ = ["Front"]


class Front:
    """One front, from its beginning to its end.

    Args:
        start: which one.
        descriptors: of the board and of the memory that it shares.
        control: the line to the supervisor.
    """

    def __init__(self, start: Start, descriptors: list[int], control: Control) -> None:
        self._start, self._control = start, control
        config = start.config
        board = Board(descriptors[0], config.fronts, start.owners)
        arena = Arena(Segment(descriptors[1]))
        self._models = RemoteModels(arena, board, start.index, config, lost=self._lost)
        self._models.subscribe(self._see)
        for descriptor in descriptors:
            os.close(descriptor)
        self._there = asyncio.Event()
        self._lives: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve as soon as there are models, until it is told to stop.

        Raises:
            AddressError: the address cannot be listened on.
        """
        stop = told_to_stop(self._start.config)
        self._control.follow(self._heard, lambda: os.kill(os.getpid(), signal.SIGTERM))
        first = [asyncio.create_task(stop.wait()), asyncio.create_task(self._there.wait())]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return
        config = replace(self._start.config, metrics_address="")  # which one of several cannot listen on
        counts = RequestCounts()
        server = Server(self._models, config, held=True, observers=(counts,))
        await server.start()
        self._control.say(Ready())
        self._keep(self._keep_telling(counts))
        settle()
        await stop.wait()
        await server.drain()

    async def _keep_telling(self, counts: RequestCounts) -> None:
        while True:
            await asyncio.sleep(messages.TELL)
            self._models.tell(plain_counts(counts))

    def _heard(self, document: Document, descriptors: list[int]) -> None:
        if isinstance(document, Linked):
            self._lives[document.index] = document.life
            self._keep(self._models.link(document.index, socket.socket(fileno=descriptors[0])))

    async def _see(self) -> None:
        self._there.set()

    def _lost(self, owner: int) -> None:
        self._control.say(Lost(owner, self._lives[owner]))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
