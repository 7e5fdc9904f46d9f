import numpy as np
import onnxruntime
import pytest

from serve.batching.waiting import BatchLimits
from serve.errors import ConfigError, FaultError, RepositoryError
from serve.repository import find_models
from serve.session import OUTPUTS, RuntimeOptions, Session, open_only, open_session

OPTIONS = RuntimeOptions(("CPU",), threads=1)


def opened(path):
    return open_session(find_models(path)[0], OPTIONS)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16)])
@pytest.mark.parametrize("kind", OUTPUTS)
def test_equals_the_raw_runtime(repository, kind, size, rng):
    session = opened(repository / f"toy-{kind}")
    image = rng.integers(0, 256, (3, *size, 3), dtype=np.uint8)
    mask = rng.integers(0, 2, (3, *size), dtype=np.uint8)
    inputs = (image, mask) if kind == "autoencoder" else (image,)
    raw = onnxruntime.InferenceSession(str(session.file.path), providers=["CPUExecutionProvider"])
    expected = raw.run(list(OUTPUTS[kind]), dict(zip(("image", "mask"), inputs, strict=False)))
    for got, want in zip(session.run(inputs, OUTPUTS[kind]), expected, strict=True):
        np.testing.assert_array_equal(got, want)


def test_only_the_asked_outputs(repository, rng):
    session = opened(repository / "toy-encoder")
    (embedding,) = session.run((np.zeros((2, 4, 4, 3), np.uint8),), ("embedding",))
    assert embedding.shape == (2, 3)
    assert session.provider == "CPUExecutionProvider"


def test_a_failing_run_is_our_fault(repository):
    with pytest.raises(FaultError, match=r"'toy-encoder' failed on \(2, 4, 4, 1\)"):
        opened(repository / "toy-encoder").run((np.zeros((2, 4, 4, 1), np.uint8),), ("embedding",))


def test_warm_up_runs_what_a_batch_may_hold(repository, monkeypatch):
    ran, run = [], Session.run

    def spied(self, inputs, outputs):
        ran.append(inputs[0].shape[:3])
        return run(self, inputs, outputs)

    monkeypatch.setattr(Session, "run", spied)
    opened(repository / "toy-autoencoder").warm_up((), BatchLimits(images=8, pixels=5 * 16 * 16))
    opened(repository / "toy-segmenter").warm_up((3, 50), BatchLimits(images=8, pixels=1000))
    assert ran == [(1, 16, 16), (5, 16, 16), (1, 3, 3), (8, 3, 3), (1, 50, 50)]


def test_damaged_foreign_and_bare_files(tmp_path, toys):
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(RepositoryError, match=r"cannot load .*bad\.onnx: damaged"):
        opened(path)
    whole = toys.write_encoder(tmp_path / "whole.onnx").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RepositoryError, match=r"cannot load .*bad\.onnx: damaged"):
        opened(path)
    nodes, constants = toys.channels_first()
    outputs = [("x", toys.F32, ("N", 3, "H", "W"))]
    bare = toys.write_model(tmp_path / "bare.onnx", nodes, [toys.IMAGE], outputs, constants)
    with pytest.raises(RepositoryError, match="no symae model: it has no metadata"):
        opened(bare)
    card = toys.metadata("encoder")
    wrong = toys.write_model(tmp_path / "wrong.onnx", nodes, [toys.IMAGE], outputs, constants, card)
    with pytest.raises(RepositoryError, match="a model of kind encoder maps"):
        opened(wrong)


def test_providers(repository):
    file = find_models(repository)[0]
    with pytest.raises(ConfigError, match=r"no provider 'AbacusExecutionProvider'.*CPUExecutionProvider"):
        open_session(file, RuntimeOptions(("Abacus",)))
    assert open_session(file, RuntimeOptions(("cpu",), 1)).provider == "CPUExecutionProvider"


def test_open_only(repository, tmp_path):
    assert open_only("encoder", repository, OPTIONS).file.name == "toy-encoder"
    with pytest.raises(RepositoryError, match=r"exactly one encoder in .*toy-classifier \(classifier\)"):
        open_only("encoder", repository / "toy-classifier", OPTIONS)
