"""Runs of a few sizes through buffers that never move, so that CUDA can replay them as one graph.

Launching the kernels of a small network one by one takes longer than the kernels themselves; a captured graph is
launched as a whole. It is bound to the addresses and shapes that it was captured with: for every warmed size there
are buffers for one, two, four, ... images up to a full batch, a batch is filled up with zeros to the next of them, and
every output is computed, though only those that are asked for are copied back. Images of other sizes are run
as usual. Capturing needs a graph that runs on CUDA as a whole; where it does not, ONNX Runtime refuses to load it,
and `serve.providers` loads it without.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from serve.metadata import ModelMetadata
from serve.tensors import NUMPY_TYPES, Tensor, inputs_of, outputs_of

__all__ = ["Captured", "counts_up_to", "uncaptured"]

Array = NDArray[Any]
GRAPH = "gpu_graph_id"  # of ONNX Runtime: which graph a run captures or replays; -1: none


@dataclass(frozen=True, eq=False)
class _Buffers:
    """What one captured run reads and writes."""

    count: int
    inputs: tuple[Any, ...]
    outputs: dict[str, Any]
    binding: Any
    options: Any


def counts_up_to(most: int) -> list[int]:
    """1, 2, 4, ... and the most."""
    return sorted({1 << power for power in range(most.bit_length())} | {most})


def uncaptured() -> onnxruntime.RunOptions:
    """Options of a run that neither captures a graph nor replays one, on a runtime that would."""
    return _options(-1)


class Captured:
    """The captured runs of one model; one call at a time.

    Args:
        runtime: loaded with CUDA graphs.
        metadata: of the model.
        device: where the buffers lie, "cuda", or "cpu" where nothing is captured but all else is the same.
        number: of the device.
    """

    def __init__(self, runtime: Any, metadata: ModelMetadata, device: str, number: int) -> None:
        self._runtime = runtime
        self._inputs, self._outputs = inputs_of(metadata), outputs_of(metadata)
        self._place = (device, number)
        self._by_size: defaultdict[tuple[int, ...], list[_Buffers]] = defaultdict(list)
        self._graphs = 0

    def add(self, count: int, height: int, width: int) -> None:
        """Make buffers for so many images of a size and capture a run on them."""
        inputs = tuple(self._buffer(tensor, count, height, width) for tensor in self._inputs)
        outputs = {tensor.name: self._buffer(tensor, count, height, width) for tensor in self._outputs}
        binding = self._runtime.io_binding()
        for tensor, value in zip(self._inputs, inputs, strict=True):
            binding.bind_ortvalue_input(tensor.name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)
        self._graphs += 1
        buffers = _Buffers(count, inputs, outputs, binding, _options(self._graphs))
        self._launch(buffers)
        self._by_size[height, width].append(buffers)
        self._by_size[height, width].sort(key=lambda buffers: buffers.count)

    def run(self, inputs: Sequence[Array], outputs: Sequence[str]) -> tuple[Array, ...] | None:
        """Run images on the smallest buffers that hold them; None: there are none of their size, or too small ones."""
        count, height, width = inputs[0].shape[:3]
        fitting = (b for b in self._by_size.get((height, width), ()) if b.count >= count)
        buffers = next(fitting, None)
        if buffers is None:
            return None
        for value, array in zip(buffers.inputs, inputs, strict=True):
            value.update_inplace(_filled_up(array, buffers.count))
        self._launch(buffers)
        return tuple(buffers.outputs[name].numpy()[:count].copy() for name in outputs)

    def _launch(self, buffers: _Buffers) -> None:
        self._runtime.run_with_iobinding(buffers.binding, buffers.options)
        buffers.binding.synchronize_outputs()

    def _buffer(self, tensor: Tensor, count: int, height: int, width: int) -> Any:
        shape, kind = tensor.shape(count, height, width), np.dtype(NUMPY_TYPES[tensor.datatype]).type
        value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, kind, *self._place)
        value.update_inplace(np.zeros(shape, kind))
        return value


def _filled_up(array: Array, count: int) -> Array:
    if len(array) == count:
        return np.ascontiguousarray(array)
    filled = np.zeros((count, *array.shape[1:]), array.dtype)
    filled[: len(array)] = array
    return filled


def _options(graph: int) -> onnxruntime.RunOptions:
    options = onnxruntime.RunOptions()
    options.add_run_config_entry(GRAPH, str(graph))
    return options
