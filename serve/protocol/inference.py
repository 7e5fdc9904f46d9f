"""The calls of the Open Inference Protocol: the same models by the same path, as tensors by name.

How a request is read is `inference_input`'s business, what is told about models `inference_about`'s.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from serve.catalogue import Catalogue
from serve.compute import Answer, Compute
from serve.errors import ModelNotFoundError, RequestError, UnsupportedError, Violation
from serve.pb.inference import inference_pb2 as pb
from serve.protocol import inference_about as about
from serve.protocol.inference_input import places_of, read_job, read_timeout
from serve.protocol.status import WireStatus
from serve.protocol.ticket import Call, Service, Ticket
from serve.runs import FIELDS
from serve.tensors import outputs_of

__all__ = ["InferenceService"]

DESCRIPTOR = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]


class InferenceService:
    """The calls; each takes a request with its ticket and gives the response.

    Args:
        models: what can be called.
        compute: runs them.
        ready: tells whether requests for a service or a model are taken, by its name.
    """

    def __init__(self, models: Catalogue, compute: Compute, ready: Callable[[str], bool]) -> None:
        self._models = models
        self._run = compute
        self._ready = ready

    def offer(self) -> Service:
        """Say which method is which call."""
        calls: dict[str, Call] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
            "ModelStreamInfer": self.model_stream_infer,
            "ModelConfig": self.model_config,
            "ModelStatistics": self.model_statistics,
            "RepositoryIndex": self.repository_index,
        }
        return Service(DESCRIPTOR, calls, told=_told)

    async def server_live(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """Say that the process lives."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """Say whether requests are taken."""
        return pb.ServerReadyResponse(ready=self._ready(DESCRIPTOR.full_name))

    async def model_ready(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """Say whether requests for a model are taken; a model that is not there is not ready, as Triton has it."""
        try:
            model = self._models.find(request.name, request.version)
        except ModelNotFoundError:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=self._ready(model.name))

    async def server_metadata(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """Say who this is."""
        return about.server()

    async def model_metadata(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """Describe a model's tensors."""
        return about.model(self._models.find(request.name, request.version))

    async def model_config(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """Describe a model as Triton would."""
        served = self._models.find(request.name, request.version)
        return about.config(served, self._run.limits)

    async def model_statistics(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """Tell what one model, or all, have done."""
        if request.name:
            return about.statistics([self._models.find(request.name, request.version)])
        if request.version:
            raise RequestError(Violation("version", "needs a name, too"))
        return about.statistics(self._models)

    async def repository_index(self, request: Any, ticket: Ticket) -> Any:  # noqa: ARG002
        """List what is served."""
        if request.repository_name:
            raise UnsupportedError("there is one repository, and it has no name: leave out repository_name")
        return about.index(self._models.states(), ready=request.ready)

    async def model_infer(self, request: Any, ticket: Ticket) -> Any:
        """Run a model."""
        model = self._models.find(request.model_name, request.model_version)
        ticket.model = model
        timeout = read_timeout(request)
        if timeout:
            ticket.expires = min(ticket.expires, time.monotonic() + timeout)
        job = read_job(request, model.metadata, model.fit, self._run.limits)
        with _named(places_of(request)):
            answer = await self._run(model, job, ticket)
        return _response(request.id, answer, job.outputs)

    async def model_stream_infer(self, request: Any, ticket: Ticket) -> Any:
        """Run a model for one request of a stream."""
        return pb.ModelStreamInferResponse(infer_response=await self.model_infer(request, ticket))


def _told(status: WireStatus, request: Any) -> Any:
    """Tell an error of a stream as a message; the request may be bytes that were none."""
    answer = pb.ModelInferResponse(id=getattr(request, "id", ""))
    return pb.ModelStreamInferResponse(error_message=status.message, infer_response=answer)


def _response(request_id: str, answer: Answer, names: tuple[str, ...]) -> Any:
    response = pb.ModelInferResponse(model_name=answer.model.name, model_version=answer.model.version, id=request_id)
    datatypes = {tensor.name: tensor.datatype for tensor in outputs_of(answer.model.metadata)}
    for index, name in enumerate(names):
        array = answer.matrix(index)
        response.outputs.add(name=name, datatype=datatypes[name], shape=array.shape)
        response.raw_output_contents.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return response


@contextmanager
def _named(places: Mapping[str, int]) -> Iterator[None]:
    """Give the fields of an error, which are named as in symae.v1, the names that they have here."""
    try:
        yield
    except RequestError as error:
        raise RequestError(*(Violation(_name(v.field, places), v.description) for v in error.violations)) from error


def _name(field: str, places: Mapping[str, int]) -> str:
    if match := re.match(r"(image|mask)s(\[\d+\])?", field):
        return f"inputs[{places[match[1]]}]{match[2] or ''}"
    return "outputs" if field in FIELDS.values() else field
