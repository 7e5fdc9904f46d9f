"""Providers that start and that do not; on a machine with an NVIDIA GPU, what only it can show."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from serve import providers
from serve.batching.waiting import BatchLimits
from serve.errors import ConfigError, RepositoryError
from serve.providers import open_runtime
from serve.repository import ModelFile, find_models
from serve.runtime_options import CPU, CUDA, TENSORRT, RuntimeOptions
from serve.session import OUTPUTS, open_session

HAVE = onnxruntime.get_available_providers()
needs_gpu = pytest.mark.skipif(not providers.has_nvidia_gpu(), reason="needs an NVIDIA GPU and onnxruntime-gpu")
no_gpu = pytest.mark.skipif(
    CUDA not in HAVE or providers.has_nvidia_gpu(), reason="needs onnxruntime-gpu on a machine without a GPU"
)


@pytest.fixture
def file(repository):
    return find_models(repository / "toy-encoder")[0]


@pytest.fixture
def damaged(tmp_path):
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no model")
    return ModelFile("bad", "1", path)


def test_the_cpu_runs_all_of_it(file):
    session = open_session(file, RuntimeOptions(("cpu",), 1))
    assert session.provider == CPU
    assert set(session.nodes) <= {CPU}


def test_what_is_not_there_is_refused(file):
    with pytest.raises(ConfigError, match=r"no provider 'AbacusExecutionProvider'.*CPUExecutionProvider"):
        open_runtime(file, RuntimeOptions(("Abacus",)))


@no_gpu
def test_what_was_asked_for_and_does_not_start_is_an_error(file):
    with pytest.raises(ConfigError, match=r"CUDAExecutionProvider was asked for .* no NVIDIA GPU here.*name CPU last"):
        open_runtime(file, RuntimeOptions(("CUDA",)))


@no_gpu
def test_what_does_not_start_is_said_and_the_next_is_tried(file, caplog):
    assert open_runtime(file, RuntimeOptions(("TensorRT", "CUDA", "CPU"), 1)).get_providers() == [CPU]
    said = [record.getMessage() for record in caplog.records]
    assert [line.split()[0] for line in said] == [TENSORRT, CUDA]


@no_gpu
@pytest.mark.parametrize("name", ["CUDA", "TensorRT"])
def test_a_provider_whose_libraries_are_missing_does_not_pass_for_one_that_runs(file, monkeypatch, name, capfd):
    """ONNX Runtime itself goes on with the CPU, for CUDA without an error, for TensorRT with words on stdout."""
    monkeypatch.setattr(providers, "has_nvidia_gpu", lambda: True)
    with pytest.raises(ConfigError, match=f"(?i){name}ExecutionProvider was asked for and does not start: "):
        open_runtime(file, RuntimeOptions((name,), 1))
    assert capfd.readouterr().out == ""


@no_gpu
def test_a_damaged_file_is_not_the_fault_of_the_provider(damaged):
    with pytest.raises(RepositoryError, match=r"bad\.onnx: damaged"):
        open_runtime(damaged, RuntimeOptions(("CUDA",)))


def test_a_provider_that_cannot_run_one_graph_leaves_it_to_the_next(file, monkeypatch, caplog):
    """Whatever it raises: here, options that ONNX Runtime cannot read."""
    monkeypatch.setattr(providers, "_choose", lambda names: ("NoneSuch", CPU))
    assert open_runtime(file, RuntimeOptions(threads=1)).get_providers() == [CPU]
    assert "NoneSuch cannot be used for toy-encoder, trying the next" in caplog.text


@pytest.fixture
def looked_up(toys):
    """A function from a folder to a model there that looks its embedding up in a large table; with more, beside it."""

    def write(folder, **how):
        nodes, constants = toys.channels_first()
        nodes += [
            helper.make_node("Identity", ["x"], ["feature_map"]),
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("ArgMax", ["mean"], ["place"], axis=1, keepdims=0),
            helper.make_node("Gather", ["table", "place"], ["embedding"], axis=0),
        ]
        constants.append(("table", np.arange(300_000, dtype=np.float32).reshape(-1, 3)))
        outputs = [("embedding", toys.F32, ("N", 3)), ("feature_map", toys.F32, ("N", 3, "H", "W"))]
        path = folder / "model.onnx"
        toys.write_model(path, nodes, [toys.IMAGE], outputs, constants, toys.metadata("encoder"))
        if how:
            model = onnx.load(path)
            path.unlink()
            onnx.save(model, path, **how)
        return ModelFile("m", "1", path)

    return write


def test_a_model_is_one_file(looked_up, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where ONNX Runtime looks for what belongs to bytes
    file = looked_up(tmp_path, save_as_external_data=True, location="weights.bin", size_threshold=1024)
    assert (tmp_path / "weights.bin").exists()
    with pytest.raises(RepositoryError, match="has its weights in a file beside it: expected one file that has all"):
        open_runtime(file, RuntimeOptions(("CPU",), 1))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux: reads /proc")
def test_what_was_loaded_needs_its_file_no_more(looked_up, tmp_path):
    session = open_session(looked_up(tmp_path / "m"), RuntimeOptions(("CPU",), 1))
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    (tmp_path / "m" / "model.onnx").write_bytes(b"")
    shutil.rmtree(tmp_path / "m")
    (embedding,) = session.run((np.full((1, 4, 4, 3), 9, np.uint8),), ("embedding",))
    assert embedding.tolist() == [[0, 1, 2]]


@needs_gpu
@pytest.mark.parametrize("graphs", [False, True])
def test_cuda_gives_what_the_cpu_gives(repository, rng, graphs):
    image = rng.integers(0, 256, (5, 16, 16, 3), np.uint8)
    for file in find_models(repository):
        inputs = (image, np.zeros(image.shape[:3], np.uint8))[: 2 if "autoencoder" in file.name else 1]
        results = []
        for options in (RuntimeOptions(("CPU",), 1), RuntimeOptions(("CUDA",), cuda_graphs=graphs, gpu_bytes=1 << 30)):
            session = open_session(file, options)
            session.warm_up((16,), BatchLimits(8, 1 << 20))
            results.append(session.run(inputs, OUTPUTS[session.metadata.kind]))
        for cpu, cuda in zip(*results, strict=True):
            np.testing.assert_allclose(cuda, cpu, atol=1e-5)
