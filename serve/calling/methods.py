"""Each call stated once, for both clients: its path, how its request is built and how its answer is read.

As an attribute of a client it is a method with the signature of its request builder. It takes, beside the builder's
arguments, none: what goes with every call is the client's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from serve.calling import results
from serve.calling.requests import classify_request, embed_request, models_request, reconstruct_request, segment_request
from serve.channel import SERVICE
from serve.pb.symae.v1 import symae_pb2 as pb

if TYPE_CHECKING:
    from serve.client import AsyncClient, Client

__all__ = ["Calls", "Rpc", "Stream"]

P = ParamSpec("P")
Q = TypeVar("Q")
R = TypeVar("R")


class Rpc(Generic[P, R]):
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


class Stream(Generic[Q, R]):
    """One stream: a method from requests, as `serve.calling.requests` builds them, to answers in their order."""

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


class Calls:
    """The calls that both clients have."""

    reconstruct = Rpc("Reconstruct", reconstruct_request, results.read_reconstruction, pb.ReconstructResponse)
    embed = Rpc("Embed", embed_request, results.read_embeddings, pb.EmbedResponse)
    classify = Rpc("Classify", classify_request, results.read_classification, pb.ClassifyResponse)
    segment = Rpc("Segment", segment_request, results.read_segmentation, pb.SegmentResponse)
    models = Rpc("ListModels", models_request, results.read_models, pb.ListModelsResponse)

    stream_reconstruct: Stream[pb.ReconstructRequest, results.Reconstruction] = Stream(
        "StreamReconstruct", results.read_reconstruction, pb.StreamReconstructRequest, pb.StreamReconstructResponse
    )
    stream_embed: Stream[pb.EmbedRequest, results.Embeddings] = Stream(
        "StreamEmbed", results.read_embeddings, pb.StreamEmbedRequest, pb.StreamEmbedResponse
    )
    stream_classify: Stream[pb.ClassifyRequest, results.Classification] = Stream(
        "StreamClassify", results.read_classification, pb.StreamClassifyRequest, pb.StreamClassifyResponse
    )
    stream_segment: Stream[pb.SegmentRequest, results.Segmentation] = Stream(
        "StreamSegment", results.read_segmentation, pb.StreamSegmentRequest, pb.StreamSegmentResponse
    )
