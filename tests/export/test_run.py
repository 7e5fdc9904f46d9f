import dataclasses
import itertools

import onnx
import pytest

from export.precision import Limits
from export.run import export_model, export_run
from export.samples import HELD_OUT
from export.verify import verify
from serve.metadata import KEY, ModelMetadata
from symae.errors import InputError, RunError, VerificationError
from symae.networks import Layer, NetworkSpec
from symae.recipes import find
from symae.run import Run, create
from symae.weights import WEIGHTS, save

SMALL = NetworkSpec("small", (Layer(4), Layer(4, stride=2)))


@pytest.fixture
def run(trained, tmp_path):
    model, card = trained(SMALL, recipe="tiny", commit="abc", data="photos", quality={"psnr": 20.5})
    directory = tmp_path / "first"
    directory.mkdir()
    save(model, card, directory / WEIGHTS)
    return directory


def test_a_run_becomes_its_model_and_its_encoder(run, tmp_path, trained):
    exported = export_run(run, tmp_path / "models")
    assert [model.kind for model in exported] == ["autoencoder", "encoder"]
    for model in exported:
        assert model.path == tmp_path / "models" / f"first-{model.kind}" / "1" / "model.onnx"
        assert model.path.stat().st_size == model.size
        assert model.worst.value <= model.worst.allowed
        verify(trained(SMALL)[0], onnx.load(model.path))
        metadata = ModelMetadata.from_json({p.key: p.value for p in onnx.load(model.path).metadata_props}[KEY])
        assert (metadata.recipe, metadata.commit, metadata.data) == ("tiny", "abc", "photos")
        assert metadata.quality == {"psnr": 20.5}
    assert export_run(run / WEIGHTS, tmp_path / "models", name="first")[1].path.parent.name == "2"


@pytest.fixture
def whole_run(trained, tmp_path):
    """A run with its recipe, so with images of its own."""
    recipe = dataclasses.replace(find("photos"), crop=24)
    directory = tmp_path / "whole"
    create(Run(directory, recipe, 0, "photos", ""))
    model, card = trained(SMALL)
    save(model, card, directory / WEIGHTS)
    return directory


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp16-weights"])
def test_a_lower_precision_is_held_against_the_run_s_own_images(whole_run, tmp_path, precision, monkeypatch):
    monkeypatch.setitem(HELD_OUT, "pretrain", 32)
    limits = Limits(decibels=50, points=50)
    exported = export_run(whole_run, tmp_path / "models", precision=precision, limits=limits)
    assert [model.kind for model in exported] == ["autoencoder", "encoder"]
    for model in exported:
        metadata = ModelMetadata.from_json({p.key: p.value for p in onnx.load(model.path).metadata_props}[KEY])
        assert metadata.precision == precision
        assert metadata.quality["size_over_fp32"] == model.reduced.size


def test_a_lower_precision_that_loses_too_much_leaves_nothing(whole_run, tmp_path, monkeypatch):
    monkeypatch.setitem(HELD_OUT, "pretrain", 32)
    with pytest.raises(VerificationError, match="so nothing was written"):
        export_run(whole_run, tmp_path / "models", precision="fp16", limits=Limits(decibels=-50))
    assert not (tmp_path / "models").exists()


def test_a_lower_precision_needs_the_recipe(run, tmp_path):
    with pytest.raises(RunError, match="no run directory"):
        export_run(run, tmp_path / "models", precision="int8")
    assert not (tmp_path / "models").exists()


def test_what_fails_its_verification_leaves_nothing(run, tmp_path, monkeypatch):
    def sabotaged(model, card, layer):
        for number, (kind, graph) in enumerate(export_model(model, card, layer)):
            if number == 1:  # the first is good: it must not be written either
                weights = next(t for t in graph.graph.initializer if len(t.dims) == 4)
                weights.raw_data = bytes(len(weights.raw_data))
            yield kind, graph

    monkeypatch.setattr("export.run.export_model", sabotaged)
    with pytest.raises(VerificationError, match="the exported encoder is not the trained network"):
        export_run(run, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        export_run(tmp_path / "nothing", tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("layer", [0, 3, -1])
def test_a_missing_layer_is_refused_before_anything_is_written(run, tmp_path, layer):
    with pytest.raises(InputError, match="convolutions 1 to 2"):
        export_run(run, tmp_path / "models", layer=layer)
    assert not (tmp_path / "models").exists()


def test_a_byte_names_256_classes(trained):
    model, card = trained(SMALL, "segment")
    many = type(card)(**{**vars(card), "classes": tuple(map(str, range(257)))})
    with pytest.raises(InputError, match="more than the 256"):
        list(itertools.islice(export_model(model, many), 1))
