"""From fp32 to int8 for CPUs, by ONNX Runtime's static quantisation.

Weights have one scale for each output channel, activations one for each tensor, taken from real images. Operators keep
their fp32 meaning between QuantizeLinear and DequantizeLinear, which runtimes fuse into kernels of 8 bits. Joins, crops
and interleaving are quantised too, so that between the first convolution and the last nothing goes back to fp32.

The last layer before an image, labels or probabilities stays fp32: it is little of the work, and its errors are seen.
Where too much is lost so, `export.precision` has the last but one stay, too, and with it the sum that the last layer
starts from: of the restoring network that comes with symae, whose residual blocks add up there, it lost 0.07 dB in
place of 0.47, and was 1.43 times as fast as in fp32 in place of 1.59.

The first layer stays fp32 as well: of three channels there is no fast kernel of 8 bits. A narrow classifier ran 1.31
times as fast as in fp32 with it in fp32, 1.15 times in int8; a network 1 of a million weights as fast either way, and
lost 0.077 dB in place of 0.089.

Weights take 7 of the 8 bits: without VNNI instructions (x86 before 2019, AMD's before 2022) products are added in
pairs into 16 bits, and saturate with 8. That network 1 then lost 0.95 dB in place of 0.1; and a model is to do the
same everywhere.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from export.subpixel import subpixel
from serve.metadata import Kind

__all__ = ["METHODS", "Feed", "Method", "endings", "quantise"]

Feed = Mapping[str, NDArray[np.uint8]]
Method = Literal["min-max", "percentile"]  # the least entropy gave min-max's ranges, to the bit, where it was tried
METHODS: Mapping[Method, CalibrationMethod] = {
    "min-max": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
}
LAYERS = ("Conv", "Gemm")
OPERATORS = (*LAYERS, "Relu", "Add", "Transpose", "Reshape", "Slice")
PREPROCESSED = ("onnx.quant.pre_process", "onnxruntime.quant")  # else ONNX Runtime advises to fold, which was done


def endings(model: onnx.ModelProto, kind: Kind) -> tuple[int, ...]:
    """How many layers at a graph's end may stay in fp32, the fewest first: an encoder's last layer is one of many."""
    few = (0, 1) if kind == "encoder" else (1, 2)
    return tuple(count for count in few if count == few[0] or len(_layers(model.graph)) > count + 1)


def quantise(
    model: onnx.ModelProto, kind: Kind, images: Iterable[Feed], method: Method, ending: int | None = None
) -> onnx.ModelProto:
    """Quantise a graph; inputs, outputs and metadata stay as they are.

    Args:
        model: in fp32, as `export.onnx.to_onnx` made it.
        kind: of the graph.
        images: inputs by name, as it will be served: what the ranges of the activations are taken from.
        method: how: the smallest and largest value; or what clips a ten-thousandth.
        ending: how many layers at the end stay in fp32, one of `endings`; None: the fewest.
    """
    prepared = subpixel(model)
    onnx.helper.set_model_props(prepared, dict([PREPROCESSED]))
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "int8.onnx"
        quantize_static(
            prepared,
            path,
            _Reader(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(OPERATORS),
            nodes_to_quantize=_inner(prepared.graph, endings(model, kind)[0] if ending is None else ending),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=METHODS[method],
            extra_options={"CalibPercentile": 99.99} if method == "percentile" else {},
        )
        quantised = onnx.load(path)
    del quantised.metadata_props[:], quantised.graph.value_info[:]
    quantised.metadata_props.extend(model.metadata_props)
    quantised.producer_name, quantised.producer_version = model.producer_name, model.producer_version
    onnx.checker.check_model(quantised)
    return quantised


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds: Iterator[Feed] = iter(feeds)

    def get_next(self) -> dict[str, Any] | None:
        feed = next(self._feeds, None)
        return None if feed is None else dict(feed)


def _layers(graph: onnx.GraphProto) -> list[int]:
    return [number for number, node in enumerate(graph.node) if node.op_type in (*LAYERS, "ConvTranspose")]


def _inner(graph: onnx.GraphProto, ending: int) -> list[str]:
    """Name the nodes after the first layer and before the last ones."""
    layers = _layers(graph)
    end = layers[-ending] if ending else len(graph.node)
    return [node.name for node in graph.node[layers[0] + 1 : end] if node.op_type in OPERATORS]
