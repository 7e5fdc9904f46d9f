"""Requests by call, model and how they ended, and where their time went: what `serve.observing.metrics` tells of."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from grpc import StatusCode

from serve.observing.histogram import DURATIONS, Histogram
from serve.protocol.ticket import Ticket

__all__ = ["PHASES", "RequestCounts"]

PHASES = ("decode", "queue", "run", "encode")


class RequestCounts:
    """Counts requests as an observer of them; added to on the event loop alone, to be read on any thread.

    Attributes:
        requests: by call, model and status name.
        durations: of the answered ones, by call and model.
        phases: of these, by model, one for each of `PHASES`.
    """

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self.durations: defaultdict[tuple[str, str], Histogram] = defaultdict(_durations)
        self.phases: defaultdict[str, tuple[Histogram, ...]] = defaultdict(lambda: tuple(_durations() for _ in PHASES))

    def ended(self, ticket: Ticket, code: StatusCode, context: Any) -> None:  # noqa: ARG002
        """Count a request; see `serve.protocol.ticket.Observer`."""
        model = ticket.model.name if ticket.model else ""
        self.requests[ticket.call, model, code.name] += 1
        if code is not StatusCode.OK:
            return
        self.durations[ticket.call, model].add(time.monotonic() - ticket.arrived)
        if model:
            for phase, histogram in zip(PHASES, self.phases[model], strict=True):
                histogram.add(getattr(ticket.spent, phase))


def _durations() -> Histogram:
    return Histogram(DURATIONS)
