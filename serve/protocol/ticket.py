"""What goes with a request from its arrival to its end, and what a service gives so that it can be called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf.message import Message
from grpc import StatusCode

from serve.batching.statistics import Spent
from serve.catalogue import Served
from serve.errors import DeadlineError
from serve.protocol.status import WireStatus

__all__ = ["Call", "Observer", "Service", "Ticket"]

TRAVEL = 0.05  # seconds that a request may have been under way, while its caller's clock ran
ROUNDED = 0.01  # of a deadline: gRPC sends three digits of it, rounded up


@dataclass(slots=True, eq=False)
class Ticket:
    """One request of one caller.

    Attributes:
        id: under which the log speaks of it; the caller's own "x-request-id" where that was sent.
        call: /SERVICE/METHOD.
        expires: `time.monotonic()` after which the caller needs no answer.
        arrived: `time.monotonic()`.
        model: the model that it means, set by the call as soon as it is known.
        images: how many images it holds, set by the call.
        spent: where its time went.
        read: `time.monotonic()` when its images had been read; 0: not yet.
        computed: likewise when the model's results were there.
    """

    id: str
    call: str
    expires: float
    arrived: float = field(default_factory=time.monotonic)
    model: Served | None = None
    images: int = 0
    spent: Spent = field(default_factory=Spent)
    read: float = 0.0
    computed: float = 0.0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Measure the reading of the request."""
        started = time.monotonic()
        yield
        self.read = time.monotonic()
        self.spent.decode += self.read - started

    def ran(self, *, queue: float, run: float) -> None:
        """Take in how many seconds the model made it wait and ran; what follows is writing the reply."""
        self.spent.queue, self.spent.run, self.computed = queue, run, time.monotonic()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Let the model's counters know how the request ends."""
        try:
            yield
        except BaseException as error:
            if self.model:
                self.model.statistics.failed(time.monotonic() - self.arrived, self._cause(error))
            raise
        if self.model:
            now = time.monotonic()
            self.spent.encode = now - (self.computed or now)
            self.model.statistics.answered(now - self.arrived, self.spent)

    def _cause(self, error: BaseException) -> BaseException:
        """Tell a deadline, at which gRPC cancels the call, from a caller that went away."""
        expired = isinstance(error, asyncio.CancelledError) and self.expiring
        return DeadlineError("the deadline passed") if expired else error

    @property
    def expiring(self) -> bool:
        """Whether a caller that goes now goes at its deadline, which comes a little before it does here."""
        return time.monotonic() >= self.expires - TRAVEL - ROUNDED * (self.expires - self.arrived)


class Observer(Protocol):
    """Who wants to know of every request's end: metrics, logs, traces."""

    def ended(self, ticket: Ticket, code: StatusCode, context: Any) -> None:
        """Take note of one.

        Args:
            ticket: the request.
            code: what it ended with.
            context: gRPC's, of the call that it came by.
        """


Call = Callable[[Any, Ticket], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Service:
    """The calls of one service.

    Attributes:
        descriptor: the protobuf descriptor; it says which methods there are and which of them are streams.
        calls: one for each method, from a message to its answer; of a stream, for each of its messages.
        told: from an error's status and the message of a stream that it is of, to a message that tells of it, after
            which the stream goes on; None: an error ends the stream with its status.
    """

    descriptor: Any
    calls: Mapping[str, Call]
    told: Callable[[WireStatus, Any], Message] | None = None

    @property
    def name(self) -> str:
        """Its full name, as callers and health know it."""
        return str(self.descriptor.full_name)
