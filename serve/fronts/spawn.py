"""Processes as their supervisor has them: started afresh, never forked, and linked to each other."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from serve.errors import ServeError
from serve.fronts.control import Control, Document, Linked, Start
from serve.fronts.segment import create

__all__ = ["Child", "link", "spawn"]


@dataclass(eq=False)
class Child:
    """A process that was started.

    Attributes:
        start: what it is.
        life: which of the processes with its role and index.
        process: itself.
        control: the line to it.
        memory: descriptor of what a front shares, else -1.
        works: it has said so.
        failure: why it could not start, if it has said so.
        born: `time.monotonic()`.
        silent: set when all has been heard that it said.
    """

    start: Start
    life: int
    process: Process
    control: Control
    memory: int
    works: bool = False
    failure: ServeError | None = None
    born: float = field(default_factory=time.monotonic)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """For the log."""
        return f"{self.start.role} {self.start.index} (process {self.process.pid})"

    async def ended(self) -> int:
        """Wait for its end; returns its exit status, less than 0 for a signal."""
        code = await self.process.wait()
        await self.silent.wait()
        return code

    def end(self, *, at_once: bool = False) -> None:
        """Tell it to end, or end it."""
        with suppress(ProcessLookupError):
            (self.process.kill if at_once else self.process.terminate)()

    def bury(self) -> None:
        """Give back what was kept for it."""
        self.control.close()
        if self.memory >= 0:
            os.close(self.memory)


async def spawn(start: Start, life: int, board: int, heard: Callable[[Child, Document], None]) -> Child:
    """Start a process.

    Args:
        start: what it shall be.
        life: which of the processes with its role and index.
        board: descriptor of the board.
        heard: called with what it says.
    """
    control, theirs = Control.pair()
    memory = create(start.config.front_bytes) if start.role == "front" else -1
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "serve.fronts", str(theirs.fileno()), str(os.getpid())),
            pass_fds=[theirs.fileno()],
            stdin=DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            process_group=0,  # Ctrl-C reaches the supervisor alone, which ends the others in their order
        )
    child = Child(start, life, process, control, memory)
    control.say(start, [board] if memory < 0 else [board, memory])
    control.follow(lambda document, _: heard(child, document), child.silent.set)
    return child


def link(front: Child, owner: Child) -> None:
    """Let a front and an owner speak with each other."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        front.control.say(Linked(owner.start.index, owner.life), [ours.fileno()])
        owner.control.say(Linked(front.start.index, front.life), [theirs.fileno(), front.memory])
