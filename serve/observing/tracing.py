"""OpenTelemetry traces: a span for each request, with its decoding, waiting, run and encoding as children.

Spans are made on a thread of their own when a request has ended, out of the times that were taken anyway: no caller
waits for them. Where they go, how many are kept and under which name is for the standard variables to say:
OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and so on. A caller's traceparent is honoured: its
span is the parent, and its decision to sample ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Full, Queue
from threading import Thread
from typing import Any

from grpc import StatusCode
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, set_span_in_context
from opentelemetry.trace import StatusCode as Outcome
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from serve.protocol.ticket import Ticket

__all__ = ["Traces"]

WAITING = 4096  # requests whose spans are not made yet
PARENT = ("traceparent", "tracestate")
LAST_SPANS = 2.0  # seconds that the last spans get to leave: a collector that is gone must not hold up the end
# What OpenTelemetry's conventions count as a server's fault; the rest is its caller's.
FAULTS = {
    StatusCode.UNKNOWN,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.UNIMPLEMENTED,
    StatusCode.INTERNAL,
    StatusCode.UNAVAILABLE,
    StatusCode.DATA_LOSS,
}


@dataclass(frozen=True, slots=True)
class _Ended:
    ticket: Ticket
    code: StatusCode
    at: float
    carrier: dict[str, str]


class Traces:
    """Makes spans of requests and sends them to a collector; requests that come faster than that go without."""

    def __init__(self) -> None:
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "symae"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("symae.serve")
        self._propagator = TraceContextTextMapPropagator()
        self._queue: Queue[_Ended | None] = Queue(WAITING)
        self._thread = Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def ended(self, ticket: Ticket, code: StatusCode, context: Any) -> None:
        """Have the spans of a request made; see `serve.protocol.ticket.Observer`."""
        carrier = {key: value for key, value in context.invocation_metadata() or () if key in PARENT}
        with suppress(Full):
            self._queue.put_nowait(_Ended(ticket, code, time.monotonic(), carrier))

    def stop(self) -> None:
        """Send what is left, if that is possible soon."""
        with suppress(Full):
            self._queue.put(None, timeout=LAST_SPANS)
        self._thread.join(LAST_SPANS)

    def _work(self) -> None:
        while (ended := self._queue.get()) is not None:
            self._make(ended)
        self._provider.shutdown()

    def _make(self, ended: _Ended) -> None:
        ticket, now, clock = ended.ticket, ended.at, time.time() - time.monotonic()
        parent = self._propagator.extract(ended.carrier)
        span = self._tracer.start_span(
            ticket.call.strip("/"),
            parent,
            SpanKind.SERVER,
            start_time=_nanoseconds(clock + ticket.arrived),
        )
        if span.is_recording():
            span.set_attributes(_attributes(ticket, ended.code))
            if ended.code in FAULTS:
                span.set_status(Status(Outcome.ERROR))
            within = set_span_in_context(span)
            for name, start, end in _phases(ticket, now):
                child = self._tracer.start_span(name, within, start_time=_nanoseconds(clock + start))
                child.end(_nanoseconds(clock + end))
        span.end(_nanoseconds(clock + now))


def _phases(ticket: Ticket, now: float) -> Iterator[tuple[str, float, float]]:
    """Where the time of a request lies; one that failed has only what it came to.

    The run of a request in several runs lasts from its first to its last, others' runs between them included.
    """
    spent = ticket.spent
    if not ticket.read:
        return
    yield "decode", ticket.read - spent.decode, ticket.read
    if not ticket.computed:
        return
    began = min(ticket.read + spent.queue, ticket.computed)
    yield "queue", ticket.read, began
    yield "run", began, ticket.computed
    yield "encode", ticket.computed, now


def _attributes(ticket: Ticket, code: StatusCode) -> dict[str, str | int | float]:
    service, _, method = ticket.call.strip("/").rpartition("/")
    found: dict[str, str | int | float] = {
        "rpc.system": "grpc",
        "rpc.service": service,
        "rpc.method": method,
        "rpc.grpc.status_code": code.value[0],
        "symae.request_id": ticket.id,
    }
    if ticket.model:
        found |= {"symae.model": ticket.model.name, "symae.version": ticket.model.version}
        found |= {"symae.images": ticket.images, "symae.run_seconds": ticket.spent.run}
    return found


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
