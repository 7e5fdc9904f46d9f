import copy
import dataclasses

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.verify import CASES, TOLERANCE, verify
from serve.metadata import ModelMetadata
from symae.errors import VerificationError

PAIRS = [
    ("small", "pretrain"),
    ("small", "classify"),
    ("small", "segment"),
    ("network1", "pretrain"),
    ("network2", "segment"),
    ("network3", "classify"),
    ("rednet", "pretrain"),
    ("residual", "pretrain"),
    ("residual", "segment"),
]  # a translation takes seconds: the folding of all others is tested in PyTorch


@pytest.fixture
def autoencoder(exported):
    model, graphs = exported("small", "pretrain")
    return model, graphs["autoencoder"]


@pytest.fixture
def encoder(exported):
    model, graphs = exported("small", "pretrain")
    return model, onnx.ModelProto.FromString(graphs["encoder"].SerializeToString())


@pytest.mark.parametrize(("name", "stage"), PAIRS)
def test_every_kind_and_network_passes(exported, name, stage):
    model, graphs = exported(name, stage)
    for graph in graphs.values():
        worst = verify(model, graph)
        assert worst.value <= worst.allowed


def test_cases_have_three_batches_and_odd_sizes():
    assert {case[0] for case in CASES} == {1, 2, 3}
    assert {case[1:] for case in CASES} >= {(29, 29), (32, 37), (89, 89), (1, 1)}


def test_one_wrong_weight_is_found_and_named(autoencoder):
    model, exported = autoencoder
    with pytest.raises(VerificationError, match=r"autoencoder .* reconstruction differs by \d+ at \(\d+, \d+"):
        verify(model, changed(exported, lambda weights: weights.__setitem__(0, weights[0] * 1.5)))


def test_weights_that_are_no_numbers_are_found(autoencoder):
    model, exported = autoencoder
    with pytest.raises(VerificationError):
        verify(model, changed(exported, lambda weights: weights.fill(np.nan)))


def test_a_network_that_is_no_longer_one_is_refused(exported):
    model, graphs = exported("small", "classify")
    damaged = copy.deepcopy(model)
    damaged.head.classes.bias.data[0] = float("nan")
    with pytest.raises(VerificationError, match=r"head\.classes\.bias has values that are no numbers"):
        verify(damaged, graphs["classifier"])


def test_a_small_error_of_probabilities_is_found(exported):
    model, graphs = exported("small", "classify")
    assert verify(model, graphs["classifier"]).value < TOLERANCE / 10
    other = copy.deepcopy(model)
    other.head.classes.bias.data[0] += 0.002
    with pytest.raises(VerificationError, match="probabilities differs"):
        verify(other, graphs["classifier"])


@pytest.mark.parametrize(("layer", "message"), [(3, "differs"), (2, "expected float32")])
def test_a_feature_map_of_another_layer_is_refused(encoder, layer, message):
    model, graph = encoder
    metadata = ModelMetadata.from_json(graph.metadata_props[0].value)
    graph.metadata_props[0].value = dataclasses.replace(metadata, layer=layer).to_json()
    with pytest.raises(VerificationError, match=message):
        verify(model, graph)


def test_wrong_labels_are_found(exported):
    model, graphs = exported("small", "segment")
    other = onnx.ModelProto.FromString(graphs["segmenter"].SerializeToString())
    next(node for node in other.graph.node if node.op_type == "ArgMax").op_type = "ArgMin"
    with pytest.raises(VerificationError, match=r"labels differs by [01]\S*, allowed 0\.001"):
        verify(model, other)


def changed(exported, change):
    other = onnx.ModelProto.FromString(exported.SerializeToString())
    weights = next(t for t in other.graph.initializer if len(t.dims) == 4 and t.dims[1] == 3)
    array = numpy_helper.to_array(weights).copy()
    change(array)
    weights.CopyFrom(numpy_helper.from_array(array, weights.name))
    return other
