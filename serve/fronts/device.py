"""The process of an owner: the models of one device, and all fronts that send to it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine, Sequence
from typing import Any

from serve.fronts.board import Board
from serve.fronts.child import LAST_BYTES, drain_seconds, told_to_stop
from serve.fronts.control import Control, Document, Linked, Ready, Start
from serve.fronts.owner import Owner
from serve.fronts.seen import open_metrics
from serve.lifecycle.models import Models
from serve.lifecycle.watch import Watch
from serve.session import Session

__all__ = ["serve"]


async def serve(sessions: Sequence[Session], watch: Watch, start: Start, board: int, control: Control) -> None:
    """Run what fronts send until told to stop, and then until they have left. SIGHUP: look for models now.

    Args:
        sessions: loaded and warm.
        watch: what loaded them.
        start: which owner this is.
        board: descriptor of the board.
        control: the line to the supervisor.
    """
    config = start.config
    stop, tasks = told_to_stop(config), set[asyncio.Task[None]]()
    models = Models(sessions, config)
    owner = Owner(models, Board(board, config.fronts, start.owners), start.index)
    os.close(board)

    def keep(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def heard(document: Document, descriptors: list[int]) -> None:
        if isinstance(document, Linked):
            link, memory = descriptors
            keep(owner.join(socket.socket(fileno=link), memory))

    watch.start(models)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, watch.wake)
    keep(owner.keep_telling())
    control.follow(heard, lambda: os.kill(os.getpid(), signal.SIGTERM))
    endpoint = open_metrics(owner, models, config, start.index)
    control.say(Ready(tuple(f"{m.name} version {m.version}: {m.metadata.kind} on {m.provider}" for m in models)))
    await stop.wait()
    watch.halt()
    try:
        async with asyncio.timeout(drain_seconds(config)):
            await owner.deserted()
    except TimeoutError:
        pass
    await models.close()
    if endpoint:
        endpoint.close()
    await watch.stop(LAST_BYTES)
