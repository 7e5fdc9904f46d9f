import numpy as np
import pytest
from onnx import helper

from serve.config import ServeConfig
from serve.errors import RepositoryError
from serve.lifecycle.trial import load
from serve.repository import find_models

CONFIG = ServeConfig(threads=1, providers=("CPU",))


def loaded(path, like=None):
    return load(find_models(path)[0], CONFIG, like)


@pytest.mark.parametrize("kind", ["autoencoder", "encoder", "classifier", "segmenter"])
def test_a_model_that_keeps_its_promises_is_taken(repository, kind):
    assert loaded(repository / f"toy-{kind}").metadata.kind == kind


def test_numbers_that_are_none_are_refused(tmp_path, toys):
    for value in (np.nan, np.inf):
        nodes, constants = toys.channels_first(value)
        nodes.append(helper.make_node("ReduceMean", ["x"], ["probabilities"], axes=[2, 3], keepdims=0))
        outputs = [("probabilities", toys.F32, ("N", 3))]
        path = toys.write_model(
            tmp_path / "m.onnx", nodes, [toys.IMAGE], outputs, constants, toys.metadata("classifier")
        )
        with pytest.raises(RepositoryError, match=r"probabilities of a plain image has values that are no numbers"):
            loaded(path)


def test_numbers_that_fail_on_other_than_black_images_are_refused(tmp_path, toys):
    nodes, constants = toys.channels_first(1.0)
    nodes += [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Sub", ["one", "mean"], ["below"]),  # negative but for black
        helper.make_node("Sqrt", ["below"], ["probabilities"]),
    ]
    outputs = [("probabilities", toys.F32, ("N", 3))]
    constants.append(("one", np.float32(1)))
    card = toys.metadata("classifier")
    path = toys.write_model(tmp_path / "m.onnx", nodes, [toys.IMAGE], outputs, constants, card)
    with pytest.raises(RepositoryError, match="no numbers"):
        loaded(path)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("classifier", {"classes": ("a", "b")}, r"probabilities .* is float32 \(2, 3\), promised float32 \(2, 2\)"),
        ("encoder", {"embedding_size": 4}, r"embedding .* promised float32 \(2, 4\)"),
        ("encoder", {"stride": 2}, r"feature_map .* is float32 \(2, 3, 16, 16\), promised float32 \(2, 3, 8, 8\)"),
        ("segmenter", {"classes": ("a",)}, r"probabilities .* promised float32 \(2, 1, 16, 16\)"),
    ],
)
def test_other_shapes_than_promised_are_refused(tmp_path, toys, kind, changes, message):
    path = toys.WRITERS[kind](tmp_path / "m.onnx", **changes)
    with pytest.raises(RepositoryError, match=message):
        loaded(path)


def test_callers_of_a_model_can_go_on_with_the_next(repository, toys):
    loaded(repository / "toy-encoder", like=toys.metadata("encoder"))
    with pytest.raises(RepositoryError, match="kind encoder where classifier is served under this name"):
        loaded(repository / "toy-encoder", like=toys.metadata("classifier"))
    with pytest.raises(RepositoryError, match="channels 3 where 1 is served"):
        loaded(repository / "toy-encoder", like=toys.metadata("encoder", channels=1))


def test_a_file_that_changes_while_it_is_loaded_is_refused(tmp_path, toys, monkeypatch):
    path = toys.write_encoder(tmp_path / "m.onnx")
    stamps = iter([(1, 1, 1), (1, 2, 1)])
    monkeypatch.setattr("serve.lifecycle.trial.read_stamp", lambda path: next(stamps))
    with pytest.raises(RepositoryError, match="changed while it was loaded"):
        loaded(path)
