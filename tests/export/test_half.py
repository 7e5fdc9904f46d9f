import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from export.half import halve
from export.repository import config_text


@pytest.mark.parametrize(
    ("name", "stage", "kind"),
    [
        ("small", "pretrain", "autoencoder"),
        ("small", "pretrain", "encoder"),
        ("network3", "classify", "classifier"),
        ("small", "segment", "segmenter"),
    ],
)
def test_half_precision_keeps_what_users_see(exported, images, name, stage, kind):
    graph = exported(name, stage)[1][kind]
    half = halve(graph)
    assert config_text("", half) == config_text("", graph)
    assert half.metadata_props == graph.metadata_props
    assert half.ByteSize() < 0.8 * graph.ByteSize()
    runs = []
    for model in (graph, half):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        feed = {"image": images, "mask": images[..., 0]}
        runs.append(session.run(None, {wanted.name: feed[wanted.name] for wanted in session.get_inputs()}))
    for before, after in zip(*runs, strict=True):
        if kind == "autoencoder":
            assert abs(before.astype(int) - after).max() <= 2
        elif before.dtype != "uint8":
            assert abs(before - after).max() <= 0.02 * max(1, abs(before).max())


def test_layers_are_fp16_and_what_surrounds_them_fp32(exported):
    graph = halve(exported("small", "pretrain")[1]["autoencoder"]).graph
    weights = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            assert all(weights.get(name, TensorProto.FLOAT16) == TensorProto.FLOAT16 for name in node.input)
    typed = onnx.shape_inference.infer_shapes(onnx.helper.make_model(graph)).graph.value_info
    types = {value.name: value.type.tensor_type.elem_type for value in typed}
    normalised = next(node for node in graph.node if node.op_type == "Where").output[0]
    rounded = next(node for node in graph.node if node.op_type == "Round").output[0]
    assert types[normalised] == types[rounded] == TensorProto.FLOAT
