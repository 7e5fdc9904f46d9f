"""Load over gRPC: requests are bytes that were built before, answers are not read, and nothing is tried again.

Calls are futures whose callbacks make the next call, on gRPC's own thread. With that one process has 32 callers
at 140 us of processor time a call, where a thread for each takes 180 and asyncio 150 to 190 (two cores, 3 KB a call).
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc

from serve.bench.load import Load, Payload
from serve.bench.sample import OK, Log, Sample
from serve.bench.watch import Watch
from serve.bench.worker import Bench, Stop
from serve.channel import Access, open_channel

__all__ = ["generator"]

TICK = 0.02  # seconds between two looks at the clock, at the memory, and at callers who were refused
GRACE = 2.0  # seconds for the last answers beyond their deadline


def generator(address: str, access: Access, process: int | None) -> Bench:
    """Make a load's maker for a server.

    Args:
        address: HOST:PORT.
        access: how it is reached.
        process: id of the server, where it is on this machine and is to be watched.
    """
    channels: list[Any] = []
    metadata = (("authorization", f"Bearer {access.token}"),) if access.token else ()

    def run(payload: Payload, load: Load, stop: Stop) -> Sample:
        while len(channels) < load.connections:
            channels.append(open_channel(grpc, address, access.tls, 60.0, retries=False, own=True))
        stubs = [channel.unary_unary(payload.path) for channel in channels[: load.connections]]
        requests = [request.SerializeToString() for request in payload.requests()]
        numbers = itertools.count()

        def call() -> Any:
            number = next(numbers)
            return stubs[number % len(stubs)].future(
                requests[number % len(requests)], timeout=load.deadline, metadata=metadata
            )

        return _Run(call, load, Watch(process)).measure(stop)

    return run


class _Run:
    """One load from beginning to end."""

    def __init__(self, call: Callable[[], Any], load: Load, watch: Watch) -> None:
        self._call, self._load, self._watch = call, load, watch
        self._log = Log()
        self._open = 0
        self._changed = threading.Condition()
        self._refused: deque[None] = deque()  # callers that wait for the next tick
        self._late: list[float] = []
        self._end = float("inf")

    def measure(self, stop: Stop) -> Sample:
        """Make the calls, then wait for their answers."""
        begin = time.perf_counter()
        first, self._end = begin + self._load.warm_up, begin + self._load.total
        make = self._make_open if self._load.rate else self._make_closed
        make(begin, lambda: self._look(first) or stop())
        last = min(time.perf_counter(), self._end)
        self._end = last
        measured = self._watch.finish()
        self._await_answers()
        return measured.of(self._log.sample(min(first, last), last), self._late)

    def _make_closed(self, _begin: float, over: Callable[[], bool]) -> None:
        for _ in range(self._load.callers):
            self._issue(time.perf_counter())
        while (now := time.perf_counter()) < self._end and not over():
            while self._refused:  # not at once, or who is refused in no time would do nothing but call
                self._refused.popleft()
                self._issue(now)
            time.sleep(max(0.0, min(TICK, self._end - now)))

    def _make_open(self, begin: float, over: Callable[[], bool]) -> None:
        looked = begin
        for offset in self._load.schedule().tolist():
            due = begin + offset
            while (now := time.perf_counter()) < due:
                if now - looked > TICK:
                    looked = now
                    if over():
                        return
                time.sleep(min(TICK, due - now))
            if due >= self._end:
                return
            self._late.append(now - due)
            self._issue(due)

    def _issue(self, due: float) -> None:
        with self._changed:
            self._open += 1
        self._call().add_done_callback(lambda future: self._ended(future, due))

    def _ended(self, future: Any, due: float) -> None:
        now, status = time.perf_counter(), future.code().name
        self._log.add(due, now, status)
        if not self._load.rate and now < self._end:
            if status == OK:
                self._issue(now)
            else:
                self._refused.append(None)
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def _look(self, first: float) -> bool:
        """Take notice of the server; never ends the run."""
        self._watch.look(time.perf_counter() >= first)
        return False

    def _await_answers(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._open, self._load.deadline + GRACE)
