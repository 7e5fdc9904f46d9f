"""Several devices of one machine, a process each: started, listened to, stopped and ended together.

A terminal's Ctrl-C reaches this process alone; it passes every signal on once. Nothing is left running: when one
process fails the others are given a moment to end by themselves, and when this one is gone they end at once.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from symae.errors import FailureError, Interrupted, PeerLost, ToldElsewhere
from symae.request import Request
from symae.world import World

__all__ = ["launch"]

Say = Callable[[str], None]
Work = Callable[[Request, Say], Any]

GRACE = 20.0  # seconds that the others have to end after one has failed
PRELOAD = ["symae.train"]  # what takes seconds to import, once for all


@dataclass
class _Child:
    """A process, what it says, and what came of it."""

    process: BaseProcess
    pipe: Connection
    result: Any = None
    failure: BaseException | None = None
    open: bool = True


def launch(work: Work, request: Request, say: Say) -> Any:
    """Do a piece of work in as many processes as the request has devices.

    Args:
        work: a function of a module; called with the request as each process has it, and with what it may say.
        request: its `devices` is how many.
        say: gets what process 0 says.

    Returns:
        What the work returned in process 0.

    Raises:
        Exception: what the work raised where it first failed.
        FailureError: a process has ended without a word.
        Interrupted: a signal came before there was anything to save.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    threads = max(1, torch.get_num_threads() // request.devices)
    children: list[_Child] = []
    with _signals_passed_on(children) as signals, _ended_with(children):
        for rank in range(request.devices):
            if signals:
                raise _nothing_yet(signals[0])
            mine, theirs = context.Pipe()
            world = World(rank, request.devices, rank, request.devices, port=store.port, hosted=True)
            given = dataclasses.replace(request, world=world)
            process = context.Process(target=_run, args=(work, given, theirs, threads), name=f"symae-{rank}")
            try:
                process.start()
            except EOFError:  # a terminal's Ctrl-C reaches what starts it, too, while that is not ready
                raise _nothing_yet(signal.SIGINT) from None
            theirs.close()
            children.append(_Child(process, mine))
        _listen(children, say)
    return _outcome(children, signals)


def _listen(children: list[_Child], say: Say) -> None:
    """Take what the processes say until all have ended; end those that outlive a failed one by long."""
    deadline = float("inf")
    while left := [child for child in children if child.open]:
        ready = wait([child.pipe for child in left], timeout=1.0)
        for child in left:
            if child.pipe in ready:
                _hear(child, say)
        if any(not child.open and child.process.exitcode != 0 for child in children):
            deadline = min(deadline, time.monotonic() + GRACE)
        if time.monotonic() > deadline:
            for child in left:
                child.process.kill()
    for child in children:
        child.process.join()


def _hear(child: _Child, say: Say) -> None:
    try:
        kind, content = child.pipe.recv()
    except (EOFError, ConnectionResetError):
        child.open = False
        child.process.join()
        return
    if kind == "say":
        say(content)
    elif kind == "result":
        child.result = content
    else:
        child.failure = content


def _outcome(children: list[_Child], signals: list[int]) -> Any:
    failures = [child.failure for child in children if child.failure is not None]
    plain = [failure for failure in failures if not isinstance(failure, ToldElsewhere | PeerLost)]
    dead = [child for child in children if child.process.exitcode and child.failure is None]
    if plain:
        raise plain[0]
    if signals and dead:
        raise _nothing_yet(signals[0])
    if dead:
        raise FailureError(_cause(dead[0]))
    if failures:
        raise failures[0]
    return children[0].result


def _nothing_yet(number: int) -> Interrupted:
    name = signal.Signals(number).name
    return Interrupted(f"{name} before the first step: nothing to save; the same command with --resume goes on")


def _cause(child: _Child) -> str:
    code = child.process.exitcode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    hint = " (SIGKILL often means that memory ran out)" if code == -signal.SIGKILL else ""
    return f"process {child.process.name} of the training {how}{hint}; --resume goes on from the last checkpoint"


@contextmanager
def _ended_with(children: list[_Child]) -> Iterator[None]:
    """End what was started where the block raises, instead of waiting for it at the end of the process."""
    try:
        yield
    except BaseException:
        for child in children:
            child.process.kill()
            child.process.join()
            child.pipe.close()
        raise


@contextmanager
def _signals_passed_on(children: list[_Child]) -> Iterator[list[int]]:
    """Pass SIGINT and SIGTERM on while the block runs; yields the list of those that came."""
    came: list[int] = []

    def pass_on(number: int, _: object) -> None:
        came.append(number)
        for child in children:
            if child.process.is_alive() and child.process.pid is not None:
                os.kill(child.process.pid, number)

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, pass_on)
    except ValueError:  # not in the main thread: signals are somebody else's
        pass
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(work: Work, request: Request, pipe: Connection, threads: int) -> None:
    """What a process does; its exit code is 0 if the work was done."""
    os.setpgid(0, 0)  # a terminal's Ctrl-C is the parent's to pass on
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    torch.set_num_threads(threads)
    loopback = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback[0] if loopback else "")
    try:
        pipe.send(("result", work(request, lambda line: pipe.send(("say", line)))))
    except BaseException as error:
        pipe.send(("failure", _portable(error)))
        pipe.close()
        os._exit(getattr(error, "exit_code", 1))  # nothing here waits for processes that may be gone


def _end_with_parent(pipe: Connection) -> None:
    """Nothing is ever sent this way: it ends when the parent does."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """An exception as it can be sent, with its traceback for whoever wants to see it."""
    error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
