import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from export.run import export_model
from export.verify import verify
from serve.metadata import KEY, ModelMetadata

STAGES = ("pretrain", "classify", "segment")
INTERFACE = {
    "autoencoder": (["image", "mask"], {"reconstruction": ("N", "H", "W", 3)}),
    "encoder": (["image"], {"embedding": ("N", 8), "feature_map": ("N", 8, "h", "w")}),
    "classifier": (["image"], {"probabilities": ("N", 3)}),
    "segmenter": (["image"], {"labels": ("N", "H", "W"), "probabilities": ("N", 3, "H", "W")}),
}
BYTES = ("image", "mask", "reconstruction", "labels")


@pytest.fixture(scope="module")
def models(exported):
    return {kind: graph for stage in STAGES for kind, graph in exported("small", stage)[1].items()}


@pytest.mark.parametrize("kind", INTERFACE)
def test_names_types_and_axes_are_those_of_the_contract(models, kind):
    inputs, outputs = INTERFACE[kind]
    graph = models[kind].graph
    assert [value.name for value in graph.input] == inputs
    assert {value.name: axes(value) for value in graph.output} == outputs
    assert axes(graph.input[0]) == ("N", "H", "W", 3)
    for value in (*graph.input, *graph.output):
        expected = TensorProto.UINT8 if value.name in BYTES else TensorProto.FLOAT
        assert value.type.tensor_type.elem_type == expected


@pytest.mark.parametrize("kind", INTERFACE)
def test_no_normalisation_and_no_deconvolution_without_stride_is_left(models, kind):
    nodes = models[kind].graph.node
    assert "BatchNormalization" not in {node.op_type for node in nodes}
    attributes = [
        {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        for node in nodes
        if node.op_type in ("Conv", "ConvTranspose")
    ]
    deconvolutions = [node for node in nodes if node.op_type == "ConvTranspose"]
    assert len(deconvolutions) == (1 if kind in ("autoencoder", "segmenter") else 0)
    for values in attributes:
        assert values.get("auto_pad", b"NOTSET") == b"NOTSET"
        assert "output_shape" not in values
        assert len(values["pads"]) == 4


@pytest.mark.parametrize("kind", INTERFACE)
def test_the_file_is_whole_and_tells_nothing_of_this_machine(models, kind):
    content = models[kind].SerializeToString()
    assert b".py" not in content
    assert b"stack_trace" not in content
    assert not any(t.data_location == TensorProto.EXTERNAL for t in models[kind].graph.initializer)
    assert max(opset.version for opset in models[kind].opset_import) <= 18


def test_metadata_says_what_the_card_said(models, narrow):
    for kind, model in models.items():
        metadata = ModelMetadata.from_json({p.key: p.value for p in model.metadata_props}[KEY])
        assert (metadata.kind, metadata.channels, metadata.crop, metadata.resize) == (kind, 3, 29, 32)
        assert (metadata.recipe, metadata.quality) == ("recipe", {"psnr": 28.5})
        assert metadata.stride == 2
        assert metadata.classes == (("sky", "cow", "sea") if kind in ("classifier", "segmenter") else ())
        assert bool(metadata.colours) == (kind == "segmenter")
        halo = {"classifier": 0, "encoder": metadata.receptive_field // 2}.get(kind, narrow["small"].halo)
        assert metadata.halo == halo
        assert (metadata.layer, metadata.embedding_size) == ((4, 8) if kind == "encoder" else (0, 0))


def test_gray_images_and_inner_layers(trained, narrow):
    model, card = trained(dataclasses.replace(narrow["small"], channels=1))
    exported = dict(export_model(model, card, layer=3))["encoder"]
    verify(model, exported)
    metadata = ModelMetadata.from_json(exported.metadata_props[0].value)
    assert (metadata.channels, metadata.layer, metadata.stride) == (1, 3, 2)
    assert metadata.receptive_field == 1 + 2 + 2 + 2
    session = run(exported)
    assert session.run(["feature_map"], {"image": np.zeros((3, 7, 9, 1), np.uint8)})[0].shape == (3, 8, 4, 5)


def test_one_session_takes_every_batch_and_size(models):
    session = run(models["autoencoder"])
    for n, h, w in ((1, 1, 1), (5, 8, 3), (2, 31, 33)):
        feed = {"image": np.zeros((n, h, w, 3), np.uint8), "mask": np.ones((n, h, w), np.uint8)}
        assert session.run(None, feed)[0].shape == (n, h, w, 3)


def axes(value):
    return tuple(axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim)


def run(model):
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
