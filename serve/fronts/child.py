"""A process that the supervisor starts: a front or an owner, which ends when it is told to or its supervisor is gone.

Either way the end is orderly: a front drains as any server does, an owner waits until the fronts have left it. What
hangs is killed by its own alarm clock.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys

from serve.config import ServeConfig
from serve.errors import ServeError
from serve.fronts.control import Control, Failed, Start
from serve.observing.logs import configure

__all__ = ["LAST_BYTES", "drain_seconds", "main", "told_to_stop"]

PR_SET_PDEATHSIG = 1
LAST_BYTES = 5.0  # seconds for answers to leave, at most
MARGIN = 5.0  # seconds after which an end that should have come is not waited for


def drain_seconds(config: ServeConfig) -> float:
    """How long a front takes to end at most, if it does not hang."""
    return config.drain_delay + config.grace + LAST_BYTES


def main(descriptor: int, parent: int) -> None:
    """Be the child that the supervisor says.

    Args:
        descriptor: of the line to it.
        parent: its process id.
    """
    _end_with(parent)
    control = Control(socket.socket(fileno=descriptor))
    told = control.hear()
    start, descriptors = told if told else (None, [])
    if not isinstance(start, Start):
        sys.exit(1)
    configure(start.config.log_level, start.config.log_format)
    try:
        _be(start, descriptors, control)
    except ServeError as error:
        control.say(Failed(error))
        sys.exit(1)


def _be(start: Start, descriptors: list[int], control: Control) -> None:
    if start.role == "front":
        from serve.fronts.front import Front

        asyncio.run(Front(start, descriptors, control).serve())
        return
    from serve.fronts.device import serve
    from serve.lifecycle.watch import Watch
    from serve.process import settle

    watch = Watch(start.models, start.config)
    sessions = watch.load()
    settle()
    asyncio.run(serve(sessions, watch, start, descriptors[0], control))


def told_to_stop(config: ServeConfig) -> asyncio.Event:
    """Make an event that SIGTERM and SIGINT set, or whoever follows the line to the supervisor when that has ended."""

    def heard() -> None:
        stop.set()
        signal.setitimer(signal.ITIMER_REAL, drain_seconds(config) + MARGIN)  # which kills

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard)
    return stop


def _end_with(parent: int) -> None:
    """Be told to stop when the supervisor dies, also while models are loaded, where nothing else would tell."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before
        sys.exit(1)
