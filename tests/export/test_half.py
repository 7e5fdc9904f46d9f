import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from export.half import halve, halve_weights, whole_weights
from export.repository import config_text


@pytest.mark.parametrize("make", [halve, halve_weights])
@pytest.mark.parametrize(
    ("name", "stage", "kind"),
    [
        ("small", "pretrain", "autoencoder"),
        ("small", "pretrain", "encoder"),
        ("network3", "classify", "classifier"),
        ("small", "segment", "segmenter"),
    ],
)
def test_half_precision_keeps_what_users_see(exported, images, name, stage, kind, make):
    graph = exported(name, stage)[1][kind]
    half = make(graph)
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


def test_weights_of_fp16_are_cast_once_and_computed_with_in_fp32(exported, tmp_path):
    graph = exported("small", "pretrain")[1]["autoencoder"]
    halved = halve_weights(graph)
    before, after = (sum(tensor.ByteSize() for tensor in model.graph.initializer) for model in (graph, halved))
    assert after < 0.6 * before
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "opened.onnx")
    onnxruntime.InferenceSession(halved.SerializeToString(), options, providers=["CPUExecutionProvider"])
    opened = onnx.load(tmp_path / "opened.onnx").graph
    assert all(tensor.data_type != TensorProto.FLOAT16 for tensor in opened.initializer)
    casts = [sum(node.op_type == "Cast" for node in graph.node) for graph in (opened, graph.graph)]
    assert casts[0] <= casts[1]


def test_halved_weights_become_whole_again(exported, images):
    halved = halve_weights(exported("small", "pretrain")[1]["autoencoder"])
    whole = whole_weights(halved)
    assert all(tensor.data_type != TensorProto.FLOAT16 for tensor in whole.graph.initializer)
    assert whole_weights(whole) == whole
    runs = []
    for model in (halved, whole):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        runs.append(session.run(None, {"image": images, "mask": images[..., 0]})[0])
    assert (runs[0] == runs[1]).all()
