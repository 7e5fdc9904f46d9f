"""How the calls are reached over gRPC: alone, as a stream, within a deadline, with a status when they fail.

The server is grpc.aio, not the one of threads: it takes half again as many small calls a second,
keeps no thread for a caller that only waits for its batch, and a caller that goes away is a cancelled
task at once. The method table is read from the service's descriptor instead of the generated base
class, because only so bytes that are no message can be answered INVALID_ARGUMENT: gRPC itself says INTERNAL.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from serve.errors import RequestError, UnavailableError, Violation
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.service import SymaeService
from serve.status import to_wire

__all__ = ["SERVICE", "Rpc"]

DESCRIPTOR = pb.DESCRIPTOR.services_by_name["SymaeService"]
SERVICE: str = DESCRIPTOR.full_name
STREAM = "Stream"
STOPPING = "the server is stopping"

Call = Callable[[Any, float], Coroutine[Any, Any, Any]]
Context = grpc.aio.ServicerContext[Any, Any]
log = logging.getLogger(__name__)


class Rpc:
    """The handlers of one service.

    Args:
        service: the calls.
        default_deadline: seconds for a caller that gave none.
        window: requests of a stream that are worked on at a time.
    """

    def __init__(self, service: SymaeService, *, default_deadline: float, window: int) -> None:
        self._default_deadline = default_deadline
        self._window = window
        self._draining = False
        self._active = 0
        self._idle = asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        self._calls: dict[str, Call] = {
            "Reconstruct": service.reconstruct,
            "Embed": service.embed,
            "Classify": service.classify,
            "Segment": service.segment,
            "ListModels": service.list_models,
        }

    def handler(self) -> grpc.GenericRpcHandler:
        """Everything that gRPC needs to call us."""
        handlers = {method.name: self._method(method) for method in DESCRIPTOR.methods}
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def drain(self, grace: float) -> None:
        """Finish what was accepted and refuse the rest, which gRPC's own stop would answer with CANCELLED.

        Streams are read no further: they are answered what they asked, then ended as unavailable.

        Args:
            grace: seconds to wait at most.
        """
        self._draining = True
        for task in self._reading:
            task.cancel()
        if self._active:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)

    def _method(self, method: Any) -> grpc.RpcMethodHandler[Any, Any]:
        request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        call = self._calls[method.name.removeprefix(STREAM)]
        options: dict[str, Any] = {
            "request_deserializer": _reader(request),
            "response_serializer": response.SerializeToString,
        }
        if method.name.startswith(STREAM):
            return grpc.stream_stream_rpc_method_handler(self._stream(call, response), **options)
        return grpc.unary_unary_rpc_method_handler(self._unary(call), **options)

    def _unary(self, call: Call) -> Callable[[Any, Context], Awaitable[Any]]:
        async def handle(request: Any, context: Context) -> Any:
            with self._accepted():
                try:
                    self._refuse_when_draining()
                    return await call(_message(request), self._expires(context))
                except Exception as error:
                    return await _abort(context, error)

        return handle

    def _stream(self, call: Call, response: Callable[..., Message]) -> Callable[[Any, Context], Awaitable[None]]:
        async def handle(_requests: Any, context: Context) -> None:
            with self._accepted():
                try:
                    self._refuse_when_draining()
                    await self._converse(call, response, context)
                except Exception as error:
                    await _abort(context, error)

        return handle

    async def _converse(self, call: Call, response: Callable[..., Message], context: Context) -> None:
        """Answer the requests of one stream in their order."""
        answers: asyncio.Queue[asyncio.Task[Any] | Exception | None] = asyncio.Queue()
        room = asyncio.Semaphore(self._window)
        reading = asyncio.create_task(self._read(call, context, room, answers))
        self._reading.add(reading)
        try:
            while (answer := await answers.get()) is not None:
                if isinstance(answer, Exception):
                    raise answer
                await context.write(response(response=await answer))
                room.release()
        finally:
            self._reading.discard(reading)
            await _cancel([reading, *_tasks_left(answers)])

    async def _read(self, call: Call, context: Context, room: asyncio.Semaphore, answers: asyncio.Queue[Any]) -> None:
        """Start the calls of a stream as they come in; the last entry is None, or why there are no more."""
        try:
            await room.acquire()
            while not self._draining and (message := await context.read()) is not grpc.aio.EOF:
                request = _message(message).request
                answers.put_nowait(asyncio.create_task(call(request, self._expires(context))))
                await room.acquire()
        except asyncio.CancelledError:
            if not self._draining:
                raise
        except Exception as error:
            answers.put_nowait(error)
        answers.put_nowait(UnavailableError(STOPPING) if self._draining else None)

    @contextlib.contextmanager
    def _accepted(self) -> Iterator[None]:
        self._active += 1
        try:
            yield
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


def _reader(kind: Callable[[], Message]) -> Callable[[bytes], Any]:
    parse = kind.FromString  # type: ignore[attr-defined]

    def read(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError as error:
            return error

    return read


def _message(read: Any) -> Any:
    if isinstance(read, DecodeError):
        raise RequestError(Violation("", "these bytes are not a message of this call"))
    return read


async def _abort(context: Context, error: Exception) -> NoReturn:
    if isinstance(error, grpc.aio.BaseError):  # the connection itself; there is nobody to tell
        raise error
    request_id = uuid.uuid4().hex[:16]
    status = to_wire(error, request_id)
    if status.code is grpc.StatusCode.INTERNAL:
        log.error("request %s failed", request_id, exc_info=error)
    await context.abort(status.code, status.message, trailing_metadata=status.trailers)


def _tasks_left(answers: asyncio.Queue[Any]) -> list[asyncio.Task[Any]]:
    left = [answers.get_nowait() for _ in range(answers.qsize())]
    return [task for task in left if isinstance(task, asyncio.Task)]


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
