import collections

import numpy as np
import onnx
import onnxruntime
import pytest

from export.quantize import METHODS, endings, quantise
from export.repository import config_text


def operators(model):
    return collections.Counter(node.op_type for node in model.graph.node)


@pytest.fixture(scope="module")
def feeds():
    rng = np.random.default_rng(0)
    return [
        {"image": rng.integers(0, 256, (4, 24, 24, 3), np.uint8), "mask": np.zeros((4, 24, 24), np.uint8)}
        for _ in range(2)
    ]


def session(model):
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("method", METHODS)
def test_an_autoencoder_is_quantised_between_its_first_layer_and_its_last(exported, feeds, method):
    graph = exported("small", "pretrain")[1]["autoencoder"]
    quantised = quantise(graph, "autoencoder", feeds, method)
    assert config_text("", quantised) == config_text("", graph)
    assert quantised.metadata_props == graph.metadata_props
    assert not operators(quantised)["ConvTranspose"]
    producers = {name: node for node in quantised.graph.node for name in node.output}
    layers = [node for node in quantised.graph.node if node.op_type == "Conv"]
    from_int8 = [producers.get(node.input[1]) is not None for node in layers]  # the weight is dequantised
    assert from_int8 == [False, *[True] * (len(layers) - 2), False]
    before, after = (session(model).run(None, feeds[0])[0].astype(int) for model in (graph, quantised))
    assert np.abs(before - after).mean() < 8


def test_another_layer_may_stay_in_fp32_at_the_end(exported, feeds):
    graph = exported("small", "pretrain")[1]["autoencoder"]
    assert endings(graph, "autoencoder") == (1, 2)
    quantised = quantise(graph, "autoencoder", feeds, "min-max", 2)
    producers = {name for node in quantised.graph.node for name in node.output}
    layers = [node.input[1] in producers for node in quantised.graph.node if node.op_type == "Conv"]
    assert layers == [False, *[True] * (len(layers) - 3), False, False]
    exact, few, more = (
        session(model).run(None, feeds[0])[0].astype(int)
        for model in (graph, quantise(graph, "autoencoder", feeds, "min-max"), quantised)
    )
    assert np.abs(more - exact).mean() <= np.abs(few - exact).mean()


def test_what_nothing_would_be_left_of_is_not_offered(exported):
    whole = exported("small", "pretrain")[1]["encoder"]
    assert endings(whole, "encoder") == (0, 1)
    encoder = onnx.ModelProto.FromString(whole.SerializeToString())
    del encoder.graph.node[:]
    assert endings(encoder, "encoder") == (0,)


def test_weights_keep_clear_of_saturation(exported, feeds):
    quantised = quantise(exported("small", "pretrain")[1]["autoencoder"], "autoencoder", feeds, "min-max")
    eight = [np.frombuffer(t.raw_data, np.int8) for t in quantised.graph.initializer if t.name.endswith("_quantized")]
    kernels = [values for values in eight if len(values) > 100]
    assert kernels
    assert all(np.abs(values.astype(int)).max() <= 64 for values in kernels)


def test_an_encoder_is_quantised_to_its_end(exported, feeds):
    graph = exported("small", "pretrain")[1]["encoder"]
    images = [{"image": feed["image"]} for feed in feeds]
    quantised = quantise(graph, "encoder", images, "min-max")
    layers = [node for node in quantised.graph.node if node.op_type == "Conv"]
    producers = {name for node in quantised.graph.node for name in node.output}
    assert [node.input[1] in producers for node in layers] == [False, *[True] * (len(layers) - 1)]
    before, after = (session(model).run(["embedding"], images[0])[0] for model in (graph, quantised))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99
