"""The calls of symae.v1.SymaeService: each reads its images, has a model run on them, and writes the reply.

A call is an async function from request and deadline to response that raises the errors of
`serve.errors`; how it is reached over gRPC, alone or as a stream, is `serve.protocol.rpc`'s business.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.message_factory import GetMessageClass
from numpy.typing import NDArray

from serve import codec, pictures
from serve.batching.batcher import Done
from serve.blocks import Block
from serve.catalogue import Catalogue, Served
from serve.compute import Answer, Compute, Job
from serve.errors import RequestError, Violation
from serve.metadata import Kind
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.protocol.ticket import Call, Service, Ticket

__all__ = ["SymaeService"]

Array = NDArray[Any]
DESCRIPTOR = pb.DESCRIPTOR.services_by_name["SymaeService"]
RAW = (pb.ENCODING_UNSPECIFIED, pb.ENCODING_RAW)
PICTURES = ("reconstruction", "labels")  # outputs that may travel compressed
STREAM = "Stream"  # a method's name with this before it takes its messages as a stream, each in a wrapper
_KINDS = {
    "autoencoder": pb.MODEL_KIND_AUTOENCODER,
    "encoder": pb.MODEL_KIND_ENCODER,
    "classifier": pb.MODEL_KIND_CLASSIFIER,
    "segmenter": pb.MODEL_KIND_SEGMENTER,
}


class SymaeService:
    """The calls of symae.v1; each takes a request with its ticket and gives the response."""

    def __init__(self, models: Catalogue, compute: Compute) -> None:
        self._models = models
        self._run = compute

    def offer(self) -> Service:
        """Say which method is which call."""
        calls: dict[str, Call] = {
            "Reconstruct": self.reconstruct,
            "Embed": self.embed,
            "Classify": self.classify,
            "Segment": self.segment,
        }
        streams = {f"{STREAM}{name}": _wrapped(call, f"{STREAM}{name}") for name, call in calls.items()}
        return Service(DESCRIPTOR, calls | streams | {"ListModels": self.list_models})

    async def reconstruct(self, request: pb.ReconstructRequest, ticket: Ticket) -> pb.ReconstructResponse:
        """Denoise and inpaint."""
        if request.keep_known and not request.masks:
            raise RequestError(Violation("keep_known", "needs masks: without them every pixel is known"))
        answer = await self._compute("autoencoder", request, ("reconstruction",), ticket, masks=request.masks)
        if request.keep_known:
            answer = _keep_known(answer)
        images = await self._pictures(answer.rows(0), request.encoding)
        return pb.ReconstructResponse(images=images, answered=_answered(answer))

    async def embed(self, request: pb.EmbedRequest, ticket: Ticket) -> pb.EmbedResponse:
        """Describe each image by a vector."""
        outputs = ("embedding", "feature_map") if request.feature_maps else ("embedding",)
        answer = await self._compute("encoder", request, outputs, ticket, fit=not request.keep_size)
        maps = [pictures.to_tensor(row) for row in answer.rows(1)] if request.feature_maps else None
        return pb.EmbedResponse(
            embeddings=pictures.to_tensor(answer.matrix(0)), feature_maps=maps, answered=_answered(answer)
        )

    async def classify(self, request: pb.ClassifyRequest, ticket: Ticket) -> pb.ClassifyResponse:
        """Give each image the probability of every class."""
        answer = await self._compute("classifier", request, ("probabilities",), ticket, fit=not request.keep_size)
        probabilities, classes = answer.matrix(0), answer.model.metadata.classes
        top = [_top(row, classes, request.top_k) for row in probabilities] if request.top_k else None
        return pb.ClassifyResponse(
            probabilities=pictures.to_tensor(probabilities), classes=classes, top=top, answered=_answered(answer)
        )

    async def segment(self, request: pb.SegmentRequest, ticket: Ticket) -> pb.SegmentResponse:
        """Give each pixel its class."""
        if request.encoding == pb.ENCODING_JPEG:
            raise RequestError(Violation("encoding", "JPEG would falsify a label map: expected RAW, PNG or WEBP"))
        outputs = ("labels", "probabilities") if request.probabilities else ("labels",)
        answer = await self._compute("segmenter", request, outputs, ticket)
        labels = await self._pictures([row[:, :, None] for row in answer.rows(0)], request.encoding)
        maps = [pictures.to_tensor(row) for row in answer.rows(1)] if request.probabilities else None
        return pb.SegmentResponse(
            labels=labels, probabilities=maps, classes=answer.model.metadata.classes, answered=_answered(answer)
        )

    async def list_models(self, request: pb.ListModelsRequest, ticket: Ticket) -> pb.ListModelsResponse:  # noqa: ARG002
        """Say what is served."""
        infos = [_info(model) for model in sorted(self._models, key=lambda model: model.name)]
        return pb.ListModelsResponse(models=[i for i in infos if request.kind in (pb.MODEL_KIND_UNSPECIFIED, i.kind)])

    async def _compute(
        self,
        kind: Kind,
        request: Any,
        outputs: tuple[str, ...],
        ticket: Ticket,
        *,
        masks: Sequence[pb.Mask] = (),
        fit: bool = False,
    ) -> Answer:
        images, limits = request.images, self._run.limits
        codec.check_counts(images, masks, limits)
        model = self._models.pick(kind, request.model)
        how, channels = model.fit if fit else None, model.metadata.channels
        job = Job(
            images=len(images),
            cost=codec.wire_cost(images),
            read=functools.partial(codec.read_blocks, images, masks, channels=channels, limits=limits, fit=how),
            slow=how is not None or codec.needs_thread(images, masks),
            outputs=outputs,
            raw=_raw(outputs, request),
            fit=how,
        )
        return await self._run(model, job, ticket)

    async def _pictures(self, arrays: list[Array], encoding: int) -> list[pb.Image]:
        if encoding in RAW:
            return pictures.to_pictures(arrays, encoding)
        written: list[pb.Image] = await self._run.thread(pictures.to_pictures, arrays, encoding)
        return written


def _raw(outputs: tuple[str, ...], request: Any) -> tuple[str, ...]:
    """Name the outputs whose size in the reply is known: all but pictures that will be compressed."""
    if getattr(request, "encoding", pb.ENCODING_RAW) in RAW:
        return outputs
    return tuple(name for name in outputs if name not in PICTURES)


def _wrapped(call: Call, method: str) -> Call:
    response = GetMessageClass(DESCRIPTOR.methods_by_name[method].output_type)

    async def one(message: Any, ticket: Ticket) -> Any:
        return response(response=await call(message.request, ticket))

    return one


def _keep_known(answer: Answer) -> Answer:
    done = [
        Done((_known(block, result.outputs[0]),), result.queue, result.run)
        for block, result in zip(answer.blocks, answer.done, strict=True)
    ]
    return Answer(answer.model, answer.blocks, done)


def _answered(answer: Answer) -> pb.Answered:
    return pb.Answered(
        model=answer.model.name,
        version=answer.model.version,
        queue_micros=int(1e6 * answer.queue),
        run_micros=int(1e6 * answer.run),
    )


def _known(block: Block, reconstruction: Array) -> Array:
    if block.mask is None:
        return block.image
    return np.where(block.mask[..., None] != 0, reconstruction, block.image)


def _top(row: Array, classes: Sequence[str], k: int) -> pb.TopClasses:
    best = np.argsort(-row, kind="stable")[:k]
    return pb.TopClasses(classes=[pb.ScoredClass(index=i, name=classes[i], probability=row[i]) for i in best.tolist()])


def _info(model: Served) -> pb.ModelInfo:
    metadata = model.metadata
    return pb.ModelInfo(
        name=model.name,
        version=model.version,
        kind=_KINDS[metadata.kind],
        channels=metadata.channels,
        crop=metadata.crop,
        resize=metadata.resize or 0,
        stride=metadata.stride,
        embedding_size=metadata.embedding_size,
        classes=metadata.classes,
        colours=[pb.Colour(red=r, green=g, blue=b) for r, g, b in metadata.colours],
        multi_label=metadata.multi_label,
        provider=model.provider,
        precision=metadata.precision,
        quality=metadata.quality,
    )
