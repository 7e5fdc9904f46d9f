"""What the Open Inference Protocol tells about the server and its models."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from serve.batching.statistics import Duration
from serve.blocks import Limits
from serve.catalogue import ModelState, Served
from serve.metadata import MAX_BATCH
from serve.pb.inference import inference_pb2 as pb
from serve.tensors import Tensor, inputs_of, outputs_of

__all__ = ["config", "index", "model", "server", "statistics"]

NAME = "symae"
EXTENSIONS = ("model_configuration", "statistics")  # those that are there whole
PLATFORM, BACKEND, FILE = "onnxruntime_onnx", "onnxruntime", "model.onnx"
DATA_TYPES = {"UINT8": pb.TYPE_UINT8, "FP32": pb.TYPE_FP32}
STATES = {"FAILED": "UNAVAILABLE"}
DURATIONS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")


def server() -> Any:
    """Describe the server."""
    try:
        number = version(NAME)
    except PackageNotFoundError:  # run from a folder without being installed
        number = "unknown"
    return pb.ServerMetadataResponse(name=NAME, version=number, extensions=EXTENSIONS)


def model(served: Served) -> Any:
    """Describe a model's tensors; the first axis is the batch."""
    return pb.ModelMetadataResponse(
        name=served.name,
        versions=[served.version],
        platform=PLATFORM,
        inputs=[_metadata(tensor) for tensor in inputs_of(served.metadata)],
        outputs=[_metadata(tensor) for tensor in outputs_of(served.metadata)],
    )


def config(served: Served, limits: Limits) -> Any:
    """Describe a model as its config.pbtxt does, with what Triton fills in; the batch is left out of the dims.

    Its largest batch is what callers may rely on wherever the model is served; more may be sent here, up to what the
    limits say, and is run in parts.
    """
    return pb.ModelConfigResponse(
        config=pb.ModelConfig(
            name=served.name,
            platform=PLATFORM,
            backend=BACKEND,
            default_model_filename=FILE,
            version_policy=pb.ModelVersionPolicy(latest=pb.ModelVersionPolicy.Latest(num_versions=1)),
            max_batch_size=min(MAX_BATCH, limits.images),
            input=[pb.ModelInput(**_configuration(tensor)) for tensor in inputs_of(served.metadata)],
            output=[pb.ModelOutput(**_configuration(tensor)) for tensor in outputs_of(served.metadata)],
            dynamic_batching=pb.ModelDynamicBatching(),
            model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
        )
    )


def statistics(models: Iterable[Served]) -> Any:
    """Tell what models have done."""
    return pb.ModelStatisticsResponse(model_stats=[_statistics(served) for served in models])


def index(states: Iterable[ModelState], *, ready: bool) -> Any:
    """List versions of models; a refused one is UNAVAILABLE, as Triton says it."""
    entry = pb.RepositoryIndexResponse.ModelIndex
    return pb.RepositoryIndexResponse(
        models=[
            entry(
                name=state.name, version=state.version, state=STATES.get(state.state, state.state), reason=state.reason
            )
            for state in states
            if state.state == "READY" or not ready
        ]
    )


def _metadata(tensor: Tensor) -> Any:
    shape = (-1, *tensor.dims)
    return pb.ModelMetadataResponse.TensorMetadata(name=tensor.name, datatype=tensor.datatype, shape=shape)


def _configuration(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "data_type": DATA_TYPES[tensor.datatype], "dims": tensor.dims}


def _statistics(served: Served) -> Any:
    counters = served.statistics
    return pb.ModelStatistics(
        name=served.name,
        version=served.version,
        last_inference=int(counters.last_inference * 1000),
        inference_count=counters.inferences,
        execution_count=counters.executions,
        inference_stats=pb.InferStatistics(**{name: _duration(getattr(counters, name)) for name in DURATIONS}),
        batch_stats=[
            pb.InferBatchStatistics(
                batch_size=size,
                compute_input=_duration(batch.compute_input),
                compute_infer=_duration(batch.compute_infer),
                compute_output=_duration(batch.compute_output),
            )
            for size, batch in sorted(counters.batches.items())
        ],
    )


def _duration(duration: Duration) -> Any:
    return pb.StatisticDuration(count=duration.count, ns=duration.ns)
