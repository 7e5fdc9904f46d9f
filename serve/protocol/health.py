"""The standard health service: Check, List and Watch of every service and model by its name.

The servicer of grpcio-health-checking has no List, and forgets all watchers of a name when one of them leaves; its
messages are used, its servicer is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2

from serve.protocol.reading import checked, reader

__all__ = ["DESCRIPTOR", "Health"]

STOPPING = "the server is stopping"
Context = grpc.aio.ServicerContext[Any, Any]
Status = health_pb2.HealthCheckResponse


class Health:
    """Who serves; to be used on one event loop. Liveness is the service "", which serves as long as it can answer."""

    def __init__(self) -> None:
        self._statuses: dict[str, int] = {"": Status.SERVING}
        self._stuck: Set[str] = frozenset()
        self._draining = False
        self._closed = False
        self._watchers: set[asyncio.Event] = set()

    async def set(self, service: str, status: int) -> None:
        """Say how it stands with a service or model; SERVICE_UNKNOWN takes it off the list."""
        if status == Status.SERVICE_UNKNOWN:
            self._statuses.pop(service, None)
        elif not self._draining:
            self._statuses[service] = status
        self._changed()

    def hold(self, stuck: Set[str]) -> None:
        """Let services and models not serve whatever is said of them, until they are named no more."""
        self._stuck = stuck
        self._changed()

    def serves(self, service: str) -> bool:
        """Tell whether requests for a service or model are taken."""
        return bool(self._status(service) == Status.SERVING)

    async def enter_graceful_shutdown(self) -> None:
        """Nothing serves any more, and never again."""
        self._draining = True
        self._statuses = dict.fromkeys(self._statuses, Status.NOT_SERVING)
        self._changed()

    def close(self) -> None:
        """Hang up on the watchers, who would otherwise hold up the end of the server."""
        self._closed = True
        self._changed()

    def handler(self) -> grpc.GenericRpcHandler:
        """Everything that gRPC needs to call us."""
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, **_wire("HealthCheckRequest")),
            "List": grpc.unary_unary_rpc_method_handler(self._list, **_wire("HealthListRequest")),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, **_wire("HealthCheckRequest")),
        }
        return grpc.method_handlers_generic_handler(DESCRIPTOR.full_name, handlers)

    def _status(self, service: str) -> int | None:
        status = self._statuses.get(service)
        return Status.NOT_SERVING if status is not None and service in self._stuck else status

    def _changed(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    async def _check(self, request: Any, context: Context) -> Any:
        status = self._status((await checked(request, context)).service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service or model of that name")
        return _message("HealthCheckResponse")(status=status)

    async def _list(self, request: Any, context: Context) -> Any:
        await checked(request, context)
        one = _message("HealthCheckResponse")
        statuses = {service: one(status=self._status(service)) for service in self._statuses}
        return _message("HealthListResponse")(statuses=statuses)

    async def _watch(self, request: Any, context: Context) -> None:
        await checked(request, context)
        with self._watching() as changed:
            told = None
            while not self._closed:
                changed.clear()
                status = self._status(request.service)
                status = Status.SERVICE_UNKNOWN if status is None else status
                if status != told:
                    await context.write(_message("HealthCheckResponse")(status=status))
                    told = status
                else:
                    await changed.wait()
        await context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING)

    @contextmanager
    def _watching(self) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield changed
        finally:
            self._watchers.discard(changed)


def _with_list() -> FileDescriptorProto:
    """Add List to the descriptor of an installed grpcio-health-checking that lacks it."""
    file = FileDescriptorProto()
    health_pb2.DESCRIPTOR.CopyToProto(file)
    service = file.service[0]
    if any(method.name == "List" for method in service.method):
        return file
    package = f".{file.package}"
    file.message_type.add(name="HealthListRequest")
    response = file.message_type.add(name="HealthListResponse")
    entry = DescriptorProto(name="StatusesEntry", options=MessageOptions(map_entry=True))
    optional, repeated = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
    text, message = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_MESSAGE
    entry.field.add(name="key", number=1, label=optional, type=text)
    one = f"{package}.HealthCheckResponse"
    entry.field.add(name="value", number=2, label=optional, type=message, type_name=one)
    response.nested_type.append(entry)
    entries = f"{package}.HealthListResponse.StatusesEntry"
    response.field.add(name="statuses", number=1, label=repeated, type=message, type_name=entries)
    types = {"input_type": f"{package}.HealthListRequest", "output_type": f"{package}.HealthListResponse"}
    service.method.add(name="List", **types)
    return file


_FILE = _with_list()
_POOL = DescriptorPool()  # its own: the default one already has this file, without List
_POOL.Add(_FILE)
DESCRIPTOR = _POOL.FindServiceByName(f"{_FILE.package}.Health")


def _message(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{_FILE.package}.{name}"))


def _wire(request: str) -> dict[str, Callable[..., Any]]:
    return {
        "request_deserializer": reader(_message(request)),
        "response_serializer": lambda message: message.SerializeToString(),
    }
