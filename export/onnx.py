"""From a PyTorch module to one self-contained ONNX model.

PyTorch's exporter over `torch.export` does the work; the older one over TorchScript is ten times as fast, but
deprecated. What it writes beside the graph, call stacks with file names among it, is taken out again.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import onnx
import torch
from torch import Tensor

from export.graph import Graph
from serve.metadata import KEY, ModelMetadata

__all__ = ["AXES", "OPSET", "to_onnx"]

OPSET = 18  # of December 2022, the oldest that the exporter writes: for old runtimes' sake
BATCH, HEIGHT, WIDTH = 2, 37, 42  # traced at these; 0 and 1 would be taken for constants
AXES: Mapping[str, tuple[str | int, ...]] = {  # names of the dynamic axes; numbers are those of the graph
    "image": ("N", "H", "W", -1),
    "mask": ("N", "H", "W"),
    "reconstruction": ("N", "H", "W", -1),
    "embedding": ("N", -1),
    "feature_map": ("N", -1, "h", "w"),
    "labels": ("N", "H", "W"),
    "probabilities": ("N", -1, "H", "W"),  # of a classifier: the first two
}


def to_onnx(graph: Graph, metadata: ModelMetadata) -> onnx.ModelProto:
    """Translate a module of `export.graph`, with dynamic N, H and W, and put the metadata inside.

    Args:
        graph: on the CPU.
        metadata: what the model says about itself; `channels` is that of the graph's images.

    Returns:
        A checked model without external data and without traces of this machine.
    """
    inputs = tuple(_example(name, metadata.channels) for name in graph.inputs)
    dynamic = tuple(dict.fromkeys((0, 1, 2), torch.export.Dim.DYNAMIC) for _ in inputs)
    with _silence():
        program = torch.onnx.export(
            graph.eval(),
            inputs,
            input_names=graph.inputs,
            output_names=graph.outputs,
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    assert isinstance(model, onnx.ModelProto)
    _strip(model)
    for value in (*model.graph.input, *model.graph.output):
        _name_axes(value)
    onnx.helper.set_model_props(model, {KEY: metadata.to_json()})
    onnx.checker.check_model(model, full_check=True)
    return model


def _example(name: str, channels: int) -> Tensor:
    shape = (BATCH, HEIGHT, WIDTH, channels) if name == "image" else (BATCH, HEIGHT, WIDTH)
    return torch.zeros(shape, dtype=torch.uint8)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter's progress and its notes about its own future from the user."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        yield


def _strip(model: onnx.ModelProto) -> None:
    graph = model.graph
    parts: list[Any] = [model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer]
    for part in parts:
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]


def _name_axes(value: onnx.ValueInfoProto) -> None:
    for axis, name in zip(value.type.tensor_type.shape.dim, AXES[value.name], strict=False):
        if isinstance(name, str):
            axis.dim_param = name
