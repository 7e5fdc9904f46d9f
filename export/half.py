"""From fp32 to fp16: half the size, all of it for devices that compute in it, or the weights alone for any.

Of what computes in fp16, all is fp16 from the first layer to the last; the normalisation before them, and softmax,
rounding and the like after them, stay fp32, where 11 bits would be seen. Inputs and outputs stay as they are. (ONNX
Runtime's own converter takes the values between nodes that are to stay fp32 through fp16 all the same.)
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["halve", "halve_weights", "whole_weights"]

LAYERS = ("Conv", "ConvTranspose", "Gemm")


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a graph in half precision; inputs, outputs and metadata stay as they are."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    graph = copy.graph
    layers = [number for number, node in enumerate(graph.node) if node.op_type in LAYERS]
    first, last = layers[0], layers[-1]
    inner = graph.node[first : last + 1]
    floats = _floats(model)
    outer = {name for node in (*graph.node[:first], *graph.node[last + 1 :]) for name in node.input}
    outside = outer | {value.name for value in graph.output}
    made = {name for node in inner for name in node.output} & floats
    before = list(graph.node[:first])
    taken = dict.fromkeys(name for node in inner for name in node.input if name in floats and name not in made)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    enter = [_cast(name, _half(name), TensorProto.FLOAT16) for name in taken if name not in weights]
    leave = [_cast(_half(name), name, TensorProto.FLOAT) for name in sorted(made & outside)]
    for name in taken:
        if name in weights:
            graph.initializer.append(numpy_helper.from_array(_rounded(weights[name]), _half(name)))
            if name not in outside:
                graph.initializer.remove(weights[name])
    for node in inner:
        node.input[:] = [_half(name) if name in floats else name for name in node.input]
        node.output[:] = [_half(name) if name in floats else name for name in node.output]
    nodes = [*before, *enter, *inner, *leave, *graph.node[last + 1 :]]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a graph that keeps its weights in half precision and computes in fp32.

    A cast stands before each layer's weights, which ONNX Runtime works out once, when it opens the model.
    """
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    graph = copy.graph
    used = {name for node in graph.node if node.op_type in LAYERS for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in used and tensor.data_type == TensorProto.FLOAT]
    for tensor in weights:
        graph.initializer.append(numpy_helper.from_array(_rounded(tensor), _half(tensor.name)))
        graph.initializer.remove(tensor)
    casts = [_cast(_half(tensor.name), tensor.name, TensorProto.FLOAT) for tensor in weights]
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def whole_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a graph of `halve_weights` with its weights, as they were rounded, in fp32; any other stays as it is."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    graph = copy.graph
    halves = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    casts = [node for node in graph.node if node.op_type == "Cast" and node.input[0] in halves]
    for cast in casts:
        half = halves[cast.input[0]]
        graph.initializer.append(
            numpy_helper.from_array(numpy_helper.to_array(half).astype(np.float32), cast.output[0])
        )
        graph.initializer.remove(half)
        graph.node.remove(cast)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def _floats(model: onnx.ModelProto) -> set[str]:
    """Name the values of fp32."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    found = {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}


def _rounded(tensor: onnx.TensorProto) -> np.ndarray:
    limit = float(np.finfo(np.float16).max)
    rounded: np.ndarray = numpy_helper.to_array(tensor).clip(-limit, limit).astype(np.float16)
    return rounded


def _cast(source: str, result: str, to: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], name=f"{result}_cast", to=to)


def _half(name: str) -> str:
    return f"{name}_half"
