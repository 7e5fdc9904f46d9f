"""How the calls are reached over gRPC: alone, as a stream, within a deadline, with a status when they fail.

The server is grpc.aio, not the one of threads: it takes half again as many small calls a second,
keeps no thread for a caller that only waits for its batch, and a caller that goes away is a cancelled
task at once. The method tables are read from the services' descriptors instead of generated base
classes, because only so bytes that are no message can be answered INVALID_ARGUMENT: gRPC itself says INTERNAL.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.message_factory import GetMessageClass

from serve.errors import UnavailableError
from serve.protocol.conversation import STOPPING, Context, Conversation
from serve.protocol.identity import CURRENT, REQUEST_ID, request_id
from serve.protocol.reading import message_of, reader
from serve.protocol.status import WireStatus, to_wire
from serve.protocol.ticket import Call, Observer, Service, Ticket

__all__ = ["Rpc"]

Answer = Callable[[Any, Ticket, Context], Awaitable[Any]]
log = logging.getLogger(__name__)


class _FailedError(Exception):
    """A request whose end has been decided, and logged where it must be."""

    def __init__(self, status: WireStatus) -> None:
        super().__init__(status.message)
        self.status = status


class Rpc:
    """The handlers of some services, which are drained together.

    Args:
        services: what can be called.
        default_deadline: seconds for a caller that gave none.
        window: messages of a stream that are worked on at a time.
        observers: who wants to know of the requests.
    """

    def __init__(
        self, services: Sequence[Service], *, default_deadline: float, window: int, observers: Sequence[Observer] = ()
    ) -> None:
        self._services = services
        self._observers = observers
        self._default_deadline = default_deadline
        self._window = window
        self._draining = False
        self._active = 0
        self._idle = asyncio.Event()
        self._conversations: set[Conversation] = set()

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Everything that gRPC needs to call us."""
        return tuple(
            grpc.method_handlers_generic_handler(
                service.name, {method.name: self._method(service, method) for method in service.descriptor.methods}
            )
            for service in self._services
        )

    async def drain(self, grace: float) -> None:
        """Finish what was accepted and refuse the rest, which gRPC's own stop would answer with CANCELLED.

        Streams are read no further: they are answered what they asked, then ended as unavailable.

        Args:
            grace: seconds to wait at most.
        """
        self._draining = True
        for conversation in self._conversations:
            conversation.stop()
        if self._active:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)

    def _method(self, service: Service, method: Any) -> grpc.RpcMethodHandler[Any, Any]:
        request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        options: dict[str, Any] = {
            "request_deserializer": reader(request),
            "response_serializer": response.SerializeToString,
        }
        path = f"/{service.name}/{method.name}"
        answer = self._answer(service.calls[method.name])
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(self._stream(answer, service, path), **options)
        return grpc.unary_unary_rpc_method_handler(self._unary(answer, path), **options)

    def _answer(self, call: Call) -> Answer:
        async def answer(message: Any, ticket: Ticket, context: Context) -> Any:
            code = grpc.StatusCode.CANCELLED
            try:
                with ticket.counted():
                    response = await call(message_of(message), ticket)
                code = grpc.StatusCode.OK
                return response
            except Exception as error:
                failed = _FailedError(_status(error, ticket.id))
                code = failed.status.code
                raise failed from error
            finally:
                self._ended(ticket, code, context)

        return answer

    def _unary(self, answer: Answer, path: str) -> Callable[[Any, Context], Awaitable[Any]]:
        async def handle(request: Any, context: Context) -> Any:
            with self._called(path, context) as ticket:
                try:
                    self._refuse_when_draining()
                    return await answer(request, ticket, context)
                except Exception as error:
                    return await self._abort(ticket, context, error)

        return handle

    def _stream(self, answer: Answer, service: Service, path: str) -> Callable[[Any, Context], Awaitable[None]]:
        async def handle(_requests: Any, context: Context) -> None:
            with self._called(path, context) as stream:
                numbers = itertools.count()

                async def one(message: Any) -> Any:
                    ticket = Ticket(f"{stream.id}.{next(numbers)}", path, self._expires(context))
                    CURRENT.set(ticket.id)
                    try:
                        return await answer(message, ticket, context)
                    except _FailedError as error:
                        if service.told is None:
                            raise
                        return service.told(error.status, message)

                try:
                    self._refuse_when_draining()
                    await self._converse(Conversation(context, one, self._window))
                except Exception as error:
                    await self._abort(stream, context, error)

        return handle

    async def _converse(self, conversation: Conversation) -> None:
        self._conversations.add(conversation)
        try:
            await conversation.hold()
        finally:
            self._conversations.discard(conversation)

    @contextlib.contextmanager
    def _called(self, path: str, context: Context) -> Iterator[Ticket]:
        """Count a call as long as it lasts, and let its caller know its id however it ends."""
        self._active += 1
        try:
            ticket = Ticket(request_id(context.invocation_metadata()), path, self._expires(context))
            CURRENT.set(ticket.id)
            context.set_trailing_metadata(((REQUEST_ID, ticket.id),))
            yield ticket
        finally:
            self._active -= 1
            if self._draining and not self._active:
                self._idle.set()

    def _refuse_when_draining(self) -> None:
        if self._draining:
            raise UnavailableError(STOPPING)

    def _expires(self, context: Context) -> float:
        left = context.time_remaining()
        return time.monotonic() + (self._default_deadline if left is None else left)

    def _ended(self, ticket: Ticket, code: grpc.StatusCode, context: Context) -> None:
        if code is grpc.StatusCode.CANCELLED and ticket.expiring:  # gRPC cancels what is late
            code = grpc.StatusCode.DEADLINE_EXCEEDED
        for observer in self._observers:
            observer.ended(ticket, code, context)

    async def _abort(self, ticket: Ticket, context: Context, error: Exception) -> NoReturn:
        if isinstance(error, grpc.aio.BaseError):  # the connection itself; there is nobody to tell
            raise error
        if isinstance(error, _FailedError):
            status = error.status
        else:  # of the call, and not of one of its requests
            status = _status(error, ticket.id)
            self._ended(ticket, status.code, context)
        trailers: tuple[tuple[str, str | bytes], ...] = (*status.trailers, (REQUEST_ID, ticket.id))
        await context.abort(status.code, status.message, trailing_metadata=trailers)


def _status(error: Exception, its_id: str) -> WireStatus:
    status = to_wire(error, its_id)
    if status.code is grpc.StatusCode.INTERNAL:
        log.error("request %s failed", its_id, exc_info=error, extra={"request": its_id})
    return status
