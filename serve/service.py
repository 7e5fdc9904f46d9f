"""The calls of symae.v1.SymaeService: each reads its images, has a model run on them, and writes the reply.

A call is an async function from request and deadline to response that raises the errors of
`serve.errors`; how it is reached over gRPC, alone or as a stream, is `serve.rpc`'s business.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message_factory import GetMessageClass
from numpy.typing import NDArray

from serve import codec, pictures, runs
from serve.batcher import Done
from serve.blocks import MIN_COST, Block, Fit, Limits
from serve.catalogue import Catalogue, Served
from serve.config import ServeConfig
from serve.errors import RequestError, Violation
from serve.metadata import Kind
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.ticket import Call, Service, Ticket

__all__ = ["SymaeService"]

Array = NDArray[Any]
DESCRIPTOR = pb.DESCRIPTOR.services_by_name["SymaeService"]
STREAM = "Stream"  # a method's name with this before it takes its messages as a stream, each in a wrapper
_KINDS = {
    "autoencoder": pb.MODEL_KIND_AUTOENCODER,
    "encoder": pb.MODEL_KIND_ENCODER,
    "classifier": pb.MODEL_KIND_CLASSIFIER,
    "segmenter": pb.MODEL_KIND_SEGMENTER,
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a model computed for the blocks of one request."""

    model: Served
    blocks: Sequence[Block]
    done: Sequence[Done]

    def rows(self, output: int) -> list[Array]:
        """One array for each image, in the order of the request."""
        if len(self.blocks) == 1:
            return list(self.done[0].outputs[output])
        rows: dict[int, Array] = {}
        for block, done in zip(self.blocks, self.done, strict=True):
            rows.update(zip(block.where, done.outputs[output], strict=True))
        return [rows[index] for index in range(len(rows))]

    def matrix(self, output: int) -> Array:
        """One row for each image: (N, ...)."""
        return self.done[0].outputs[output] if len(self.blocks) == 1 else np.stack(self.rows(output))

    @property
    def queue(self) -> float:
        """Seconds until the last block began to run."""
        return max(done.queue for done in self.done)

    @property
    def run(self) -> float:
        """Seconds of all runs that it took part in."""
        return sum(done.run for done in self.done)

    @property
    def answered(self) -> pb.Answered:
        return pb.Answered(
            model=self.model.name,
            version=self.model.version,
            queue_micros=int(1e6 * self.queue),
            run_micros=int(1e6 * self.run),
        )


class SymaeService:
    """The calls of symae.v1; each takes a request with its ticket and gives the response."""

    def __init__(self, models: Catalogue, config: ServeConfig, threads: Executor) -> None:
        self._models = models
        self._threads = threads
        self._limits = Limits(config.max_request_images, config.max_image_pixels, config.queue_pixels)
        self._reply_bytes = config.max_message_bytes

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
        return pb.ReconstructResponse(images=images, answered=answer.answered)

    async def embed(self, request: pb.EmbedRequest, ticket: Ticket) -> pb.EmbedResponse:
        """Describe each image by a vector."""
        outputs = ("embedding", "feature_map") if request.feature_maps else ("embedding",)
        answer = await self._compute("encoder", request, outputs, ticket, fit=not request.keep_size)
        maps = [pictures.to_tensor(row) for row in answer.rows(1)] if request.feature_maps else None
        return pb.EmbedResponse(
            embeddings=pictures.to_tensor(answer.matrix(0)), feature_maps=maps, answered=answer.answered
        )

    async def classify(self, request: pb.ClassifyRequest, ticket: Ticket) -> pb.ClassifyResponse:
        """Give each image the probability of every class."""
        answer = await self._compute("classifier", request, ("probabilities",), ticket, fit=not request.keep_size)
        probabilities, classes = answer.matrix(0), answer.model.metadata.classes
        top = [_top(row, classes, request.top_k) for row in probabilities] if request.top_k else None
        return pb.ClassifyResponse(
            probabilities=pictures.to_tensor(probabilities), classes=classes, top=top, answered=answer.answered
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
            labels=labels, probabilities=maps, classes=answer.model.metadata.classes, answered=answer.answered
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
    ) -> _Answer:
        codec.check_counts(request.images, masks, self._limits)
        model = self._models.pick(kind, request.model)
        ticket.model, ticket.images = model.statistics, len(request.images)
        how = model.fit if fit else None
        if how:
            self._refuse_above_the_queue(how.cost(len(request.images)))
        with model.batcher.budget.reserve(min(self._limits.pixels, codec.wire_cost(request.images))) as reservation:
            with ticket.reading():
                blocks = await self._read(model, request.images, masks, how)
            cost = sum(block.cost for block in blocks)
            self._refuse_above_the_queue(cost)
            reservation.resize(cost)
            runs.check_sizes(model, blocks)
            runs.check_floats(model.metadata, outputs, blocks, self._reply_bytes)
            works = [runs.run_block(model, block, outputs, ticket.expires, self._threads) for block in blocks]
            answer = _Answer(model, blocks, [await works[0]] if len(works) == 1 else await runs.all_of(works))
            ticket.ran(queue=answer.queue, run=answer.run)
            return answer

    def _refuse_above_the_queue(self, cost: int) -> None:
        """Say that it never fits, where "try again" would be said for ever."""
        if cost > self._limits.pixels:
            rule = f"at most {self._limits.pixels} pixels in one request, as the model takes the images"
            raise RequestError(Violation("images", f"{rule} (one counts as {MIN_COST} at least), got {cost}"))

    async def _read(
        self, model: Served, images: Sequence[pb.Image], masks: Sequence[pb.Mask], fit: Fit | None
    ) -> list[Block]:
        channels = model.metadata.channels
        read = functools.partial(codec.read_blocks, images, masks, channels=channels, limits=self._limits, fit=fit)
        if fit is None and not codec.needs_thread(images, masks):
            return read()
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    async def _pictures(self, arrays: list[Array], encoding: int) -> list[pb.Image]:
        if encoding in (pb.ENCODING_UNSPECIFIED, pb.ENCODING_RAW):
            return pictures.to_pictures(arrays, encoding)
        return await asyncio.get_running_loop().run_in_executor(self._threads, pictures.to_pictures, arrays, encoding)


def _wrapped(call: Call, method: str) -> Call:
    response = GetMessageClass(DESCRIPTOR.methods_by_name[method].output_type)

    async def one(message: Any, ticket: Ticket) -> Any:
        return response(response=await call(message.request, ticket))

    return one


def _keep_known(answer: _Answer) -> _Answer:
    done = [
        Done((_known(block, result.outputs[0]),), result.queue, result.run)
        for block, result in zip(answer.blocks, answer.done, strict=True)
    ]
    return _Answer(answer.model, answer.blocks, done)


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
