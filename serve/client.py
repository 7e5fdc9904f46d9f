"""Two clients, one for threads and one for asyncio, that differ only in how they wait.

    with Client("localhost:50051") as client:
        vectors = client.embed([Path("cat.jpg")]).embeddings

    async with AsyncClient("models.example:443", tls=Tls(), token=token, patience=30) as client:
        result = await client.using(timeout=5).reconstruct([noisy], masks=[holes], keep_known=True)

The calls themselves stand in `serve.calling.methods`. Both raise the class that the server raised; see `serve.errors`.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import grpc.aio

from serve.calling.methods import Calls, Rpc, Stream
from serve.channel import CallOptions, Tls, health_request, health_stub, is_healthy, is_unhealthy, open_channel
from serve.protocol.status import from_call

__all__ = ["AsyncClient", "Client", "Connection", "Tls"]

Q = TypeVar("Q")
R = TypeVar("R")
HEALTH_TIMEOUT = 5.0  # seconds, where the client has no timeout of its own


class Connection(Calls):
    """What both clients share.

    Args:
        address: HOST:PORT.
        timeout: seconds for each attempt of a call, and for each whole stream; None: the server's default deadline.
        tls: encrypt the connection; None: not encrypted, the token included.
        token: bearer token that the server wants to see.
        request_id: under which the server logs the calls; empty: it makes one for each.
        patience: seconds within which a call that finds the server's queue full is made again, when the server says;
            0: it raises OverloadError at once. Streams are not begun again.
        keepalive: seconds of silence in a call after which the server is asked whether it is still there. Servers
            hang up on who asks more often than they allow.

    Raises:
        ConfigError: a file of `tls` is missing, or holds no PEM.
        ServeError: from every call, the class that the server raised; see `serve.errors`.
    """

    _module: Any

    def __init__(
        self,
        address: str,
        *,
        timeout: float | None = None,
        tls: Tls | None = None,
        token: str = "",
        request_id: str = "",
        patience: float = 0.0,
        keepalive: float = 60.0,
    ) -> None:
        self._options = CallOptions(timeout, token, request_id, patience)
        self._channel = open_channel(self._module, address, tls, keepalive)
        self._stubs: dict[str, Callable[..., Any]] = {}
        self._health = health_stub(self._channel)

    def using(self, **changes: Any) -> Self:
        """Return a client of the same connection whose calls go out otherwise; closing either closes both.

        Args:
            changes: new values of timeout, token, request_id, patience.
        """
        other = copy.copy(self)
        other._options = dataclasses.replace(self._options, **changes)
        return other

    def _stub(self, rpc: Rpc[Any, Any], request: Any) -> Callable[..., Any]:
        return self._stubs.get(rpc.path) or self._stubs.setdefault(
            rpc.path, self._channel.unary_unary(rpc.path, type(request).SerializeToString, rpc.parse)
        )

    def _open(self, stream: Stream[Any, Any], requests: Any) -> Any:
        stub = self._channel.stream_stream(stream.path, stream.wrap.SerializeToString, stream.parse)
        return stub(requests, timeout=self._options.timeout, metadata=self._options.metadata)

    def _check(self, model: str) -> Any:
        timeout = self._options.timeout or HEALTH_TIMEOUT
        return self._health(health_request(model), timeout=timeout, metadata=self._options.metadata)

    def _pause(self, error: grpc.RpcError, began: float) -> float:
        """Tell after how many seconds to call again, or raise what the call ended with."""
        failure = from_call(error)
        pause = self._options.pause(failure, began + self._options.patience - time.monotonic())
        if pause is None:
            raise failure from None
        return pause


class Client(Connection):
    """Calls from threads; may be shared between them. What it is made with: see `Connection`."""

    _module = grpc

    def healthy(self, model: str = "") -> bool:
        """Tell whether the server takes calls now, or whether it has this model ready.

        Raises:
            ServeError: the check itself was refused, e.g. for want of a token.
        """
        try:
            return is_healthy(self._check(model))
        except grpc.RpcError as error:
            return not is_unhealthy(error)

    def close(self) -> None:
        """Drop the connection; calls under way are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, rpc: Rpc[Any, R], request: Any) -> R:
        stub, options, began = self._stub(rpc, request), self._options, time.monotonic()
        while True:
            try:
                return rpc.read(stub(request, timeout=options.timeout, metadata=options.metadata))
            except grpc.RpcError as error:
                time.sleep(self._pause(error, began))

    def _exchange(self, stream: Stream[Q, R], requests: Iterable[Q]) -> Iterator[R]:
        call = self._open(stream, (stream.wrap(request=request) for request in requests))
        try:
            for response in call:
                yield stream.read(response.response)
        except grpc.RpcError as error:
            raise from_call(error) from None
        finally:
            call.cancel()


class AsyncClient(Connection):
    """The same calls from asyncio. What it is made with: see `Connection`."""

    _module = grpc.aio

    async def healthy(self, model: str = "") -> bool:
        """Tell whether the server takes calls now; see `Client.healthy`."""
        try:
            return is_healthy(await self._check(model))
        except grpc.RpcError as error:
            return not is_unhealthy(error)

    async def close(self) -> None:
        """Drop the connection; calls under way are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, rpc: Rpc[Any, R], request: Any) -> R:
        stub, options, began = self._stub(rpc, request), self._options, time.monotonic()
        while True:
            try:
                return rpc.read(await stub(request, timeout=options.timeout, metadata=options.metadata))
            except grpc.RpcError as error:
                await asyncio.sleep(self._pause(error, began))

    async def _exchange(self, stream: Stream[Q, R], requests: AsyncIterator[Q]) -> AsyncIterator[R]:
        call = self._open(stream, (stream.wrap(request=request) async for request in requests))
        try:
            async for response in call:
                yield stream.read(response.response)
        except grpc.RpcError as error:
            raise from_call(error) from None
        finally:
            call.cancel()
