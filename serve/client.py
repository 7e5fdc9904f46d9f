"""Two clients, one for threads and one for asyncio, that differ only in how they wait.

    with Client("localhost:50051") as client:
        vectors = client.embed([Path("cat.jpg")]).embeddings

    async with AsyncClient("localhost:50051") as client:
        result = await client.reconstruct([noisy], masks=[holes], keep_known=True)

A call is stated once, as an `_Rpc` on `_Calls`: its request builder gives both clients' methods their
signature. The methods take, beside the builder's arguments, none: a client has one timeout.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import grpc
import grpc.aio

from serve import calls, results
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.status import from_call

__all__ = ["MAX_MESSAGE", "AsyncClient", "Client"]

P = ParamSpec("P")
Q = TypeVar("Q")
R = TypeVar("R")
MAX_MESSAGE = 512 << 20  # the largest image that `serve.image` reads, as RGB, is 300 MB
SERVICE = "symae.v1.SymaeService"
# UNAVAILABLE alone is safe to try again: the server refused before it began.
SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": SERVICE}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 60_000),
]


class _Rpc(Generic[P, R]):
    """One call: as an attribute of a client, a method that builds the request, sends it and reads the answer."""

    def __init__(self, name: str, build: Callable[P, Any], read: Callable[[Any], R], response: Any) -> None:
        self.path = f"/{SERVICE}/{name}"
        self.build, self.read, self.parse = build, read, response.FromString
        self.__doc__ = build.__doc__
        self.__wrapped__ = build  # for help() and editors

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, R]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Awaitable[R]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Any:
        if client is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client._send(self, self.build(*args, **kwargs))

        return call


class _Stream(Generic[Q, R]):
    """One stream: a method from requests, as the builders of `serve.calls` make them, to answers in their order."""

    def __init__(self, name: str, read: Callable[[Any], R], request: Any, response: Any) -> None:
        self.path = f"/{SERVICE}/{name}"
        self.read, self.wrap, self.parse = read, request, response.FromString
        self.__doc__ = "Send requests one after another; yields their answers in the same order."

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[[Iterable[Q]], Iterator[R]]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[[AsyncIterator[Q]], AsyncIterator[R]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Any:
        return self if client is None else lambda requests: client._exchange(self, requests)


class _Calls:
    """The calls that both clients have."""

    reconstruct = _Rpc("Reconstruct", calls.reconstruct_request, results.read_reconstruction, pb.ReconstructResponse)
    embed = _Rpc("Embed", calls.embed_request, results.read_embeddings, pb.EmbedResponse)
    classify = _Rpc("Classify", calls.classify_request, results.read_classification, pb.ClassifyResponse)
    segment = _Rpc("Segment", calls.segment_request, results.read_segmentation, pb.SegmentResponse)
    models = _Rpc("ListModels", calls.models_request, results.read_models, pb.ListModelsResponse)

    stream_reconstruct: _Stream[pb.ReconstructRequest, results.Reconstruction] = _Stream(
        "StreamReconstruct", results.read_reconstruction, pb.StreamReconstructRequest, pb.StreamReconstructResponse
    )
    stream_embed: _Stream[pb.EmbedRequest, results.Embeddings] = _Stream(
        "StreamEmbed", results.read_embeddings, pb.StreamEmbedRequest, pb.StreamEmbedResponse
    )
    stream_classify: _Stream[pb.ClassifyRequest, results.Classification] = _Stream(
        "StreamClassify", results.read_classification, pb.StreamClassifyRequest, pb.StreamClassifyResponse
    )
    stream_segment: _Stream[pb.SegmentRequest, results.Segmentation] = _Stream(
        "StreamSegment", results.read_segmentation, pb.StreamSegmentRequest, pb.StreamSegmentResponse
    )


class Client(_Calls):
    """Calls from threads; may be shared between them.

    Args:
        address: HOST:PORT.
        timeout: seconds for each call, and for each whole stream; None: the server's default deadline.

    Raises:
        ServeError: from every call, the class that the server raised; see `serve.errors`.
    """

    def __init__(self, address: str, *, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._channel = grpc.insecure_channel(address, options=OPTIONS)
        self._stubs: dict[str, Callable[..., Any]] = {}

    def close(self) -> None:
        """Drop the connection; calls under way are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, rpc: _Rpc[Any, R], request: Any) -> R:
        stub = self._stubs.get(rpc.path) or self._stubs.setdefault(
            rpc.path, self._channel.unary_unary(rpc.path, type(request).SerializeToString, rpc.parse)
        )
        try:
            response = stub(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise from_call(error) from None
        return rpc.read(response)

    def _exchange(self, stream: _Stream[Q, R], requests: Iterable[Q]) -> Iterator[R]:
        stub = self._channel.stream_stream(stream.path, stream.wrap.SerializeToString, stream.parse)
        call = stub((stream.wrap(request=request) for request in requests), timeout=self._timeout)
        try:
            for response in call:
                yield stream.read(response.response)
        except grpc.RpcError as error:
            raise from_call(error) from None
        finally:
            call.cancel()


class AsyncClient(_Calls):
    """The same calls from asyncio; see `Client`."""

    def __init__(self, address: str, *, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._stubs: dict[str, Callable[..., Any]] = {}

    async def close(self) -> None:
        """Drop the connection; calls under way are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, rpc: _Rpc[Any, R], request: Any) -> R:
        stub = self._stubs.get(rpc.path) or self._stubs.setdefault(
            rpc.path, self._channel.unary_unary(rpc.path, type(request).SerializeToString, rpc.parse)
        )
        try:
            response = await stub(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise from_call(error) from None
        return rpc.read(response)

    async def _exchange(self, stream: _Stream[Q, R], requests: AsyncIterator[Q]) -> AsyncIterator[R]:
        stub = self._channel.stream_stream(stream.path, stream.wrap.SerializeToString, stream.parse)
        call = stub((stream.wrap(request=request) async for request in requests), timeout=self._timeout)
        try:
            async for response in call:
                yield stream.read(response.response)
        except grpc.RpcError as error:
            raise from_call(error) from None
        finally:
            call.cancel()
