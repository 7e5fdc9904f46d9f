"""Strided transposed convolutions as what they are: convolutions of s * s phases, whose pixels are then interleaved.

Output pixel s q + p of a transposed convolution of stride s sums the inputs q + d with the kernel's taps
p + pad - s d, so each phase p is a small convolution of its own (Shi et al., arXiv 1609.07009). The result is equal,
but ONNX Runtime has kernels of 8 bits for convolutions alone, so this is done for int8: without it int8 ran 1.29 to
1.38 times as fast as fp32, with it 1.5 to 2.0 times (a network 1 of a million weights, AVX2). In fp32 it took 1.03
times as long for a whole photograph, and 0.85 to 0.98 for batches of small crops: it is left out there.

The interleaving is written with the channels last, as the kernels of 8 bits have them: its transpositions cancel with
theirs, and what is left moves runs of s * C bytes. `DepthToSpace` moves single ones and took three times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

__all__ = ["subpixel"]


def subpixel(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model without strided transposed convolutions.

    Args:
        model: as `export.onnx.to_onnx` made it: square kernels of odd side k, pads k // 2, output padding stride - 1.
    """
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    graph = copy.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = [new for node in graph.node for new in _rewritten(node, weights)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    graph.initializer.extend(tensor for name, tensor in weights.items() if name in used)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def _rewritten(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> Iterator[onnx.NodeProto]:
    if node.op_type != "ConvTranspose":
        yield node
        return
    name = node.output[0]
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    stride, pad = attributes["strides"][0], attributes["pads"][0]
    kernel, before, after = phases(numpy_helper.to_array(weights[node.input[1]]), stride, pad)

    def constant(suffix: str, value: NDArray[Any]) -> str:
        weights[name + suffix] = numpy_helper.from_array(value, name + suffix)
        return name + suffix

    inputs = [node.input[0], constant("_phases", kernel)]
    if len(node.input) > 2:
        inputs.append(constant("_biases", np.tile(numpy_helper.to_array(weights[node.input[2]]), stride**2)))
    raw = name + "_raw"
    yield helper.make_node(
        "Conv", inputs, [raw], name=raw, kernel_shape=kernel.shape[2:], pads=[before] * 2 + [after] * 2
    )
    run = stride * kernel.shape[0] // stride**2  # channels of a row of phases
    split, factor = (
        constant("_split", np.array([0, 0, 0, stride, run])),
        constant("_stride", np.array([stride, stride])),
    )
    channels = constant("_channels", np.array([run // stride]))
    steps: tuple[tuple[str, list[str], str, dict[str, Any]], ...] = (
        ("Transpose", [raw], "_last", {"perm": [0, 2, 3, 1]}),  # (N, h, w, s s C)
        ("Reshape", [name + "_last", split], "_rows", {}),  # (N, h, w, s, s C)
        ("Transpose", [name + "_rows"], "_interleaved", {"perm": [0, 1, 3, 2, 4]}),  # (N, h, s, w, s C)
        ("Shape", [raw], "_count", {"start": 0, "end": 1}),
        ("Shape", [raw], "_size", {"start": 2, "end": 4}),
        ("Mul", [name + "_size", factor], "_larger", {}),
        ("Concat", [name + "_count", name + "_larger", channels], "_shape", {"axis": 0}),
        ("Reshape", [name + "_interleaved", name + "_shape"], "_whole", {}),  # (N, s h, s w, C)
        ("Transpose", [name + "_whole"], "", {"perm": [0, 3, 1, 2]}),
    )
    for operator, sources, suffix, options in steps:
        yield helper.make_node(operator, sources, [name + suffix], name=f"{name}{suffix}_{operator}", **options)


def phases(weight: NDArray[np.float32], stride: int, pad: int) -> tuple[NDArray[np.float32], int, int]:
    """Arrange the kernel of a transposed convolution as that of a convolution with s * s times the outputs.

    Args:
        weight: (inputs, outputs, k, k) of the transposed convolution.
        stride: s, of both axes.
        pad: its padding on each side.

    Returns:
        (s * s * outputs, inputs, n, n), the phases (row, column) outermost; the padding before and after.
    """
    side = weight.shape[2]
    first, last = -((side - 1 - pad) // stride), (stride - 1 + pad) // stride  # of the inputs q + d
    count = last - first + 1
    kernel = np.zeros((stride, stride, weight.shape[1], weight.shape[0], count, count), weight.dtype)
    taps = [
        (p, d - first, p + pad - stride * d)
        for p in range(stride)
        for d in range(first, last + 1)
        if 0 <= p + pad - stride * d < side
    ]
    for row, y, tap_y in taps:
        for column, x, tap_x in taps:
            kernel[row, column, :, :, y, x] = weight[:, :, tap_y, tap_x].T
    return kernel.reshape(-1, weight.shape[0], count, count), -first, last
