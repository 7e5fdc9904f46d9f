import threading

import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc import model_config_pb2

from export.repository import CONFIG, add_version, check_name, config_text
from symae.errors import InputError, RunError


def graph(channels=3, seed=0.0):
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", channels])
    out = helper.make_tensor_value_info("feature_map", TensorProto.FLOAT, ["N", 7, "h", "w"])
    node = helper.make_node("Constant", [], ["feature_map"], value_float=seed)
    return helper.make_model(helper.make_graph([node], "graph", [image], [out]))


def test_triton_reads_the_configuration():
    config = text_format.Parse(config_text("cats-encoder", graph()), model_config_pb2.ModelConfig())
    assert (config.name, config.platform) == ("cats-encoder", "onnxruntime_onnx")
    assert config.max_batch_size > 1
    assert config.HasField("dynamic_batching")
    (image,), (features,) = config.input, config.output
    assert (image.name, image.data_type, list(image.dims)) == ("image", model_config_pb2.TYPE_UINT8, [-1, -1, 3])
    assert (features.data_type, list(features.dims)) == (model_config_pb2.TYPE_FP32, [7, -1, -1])


@pytest.mark.parametrize("kind", ["autoencoder", "encoder", "classifier", "segmenter"])
def test_triton_reads_the_configuration_of_every_kind(exported, kind):
    stage = {"classifier": "classify", "segmenter": "segment"}.get(kind, "pretrain")
    model = exported("small", stage)[1][kind]
    config = text_format.Parse(config_text("x", model), model_config_pb2.ModelConfig())
    values = [*zip(config.input, model.graph.input, strict=True), *zip(config.output, model.graph.output, strict=True)]
    for ours, onnx_value in values:
        assert ours.name == onnx_value.name
        assert [dim for dim in ours.dims if dim != -1] == [
            axis.dim_value for axis in onnx_value.type.tensor_type.shape.dim if axis.dim_value
        ]


def test_each_export_is_a_new_version(tmp_path):
    paths = [add_version(tmp_path / "models", "cats", "encoder", graph(seed=float(i))) for i in range(3)]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"models/cats-encoder/{version}/model.onnx" for version in (1, 2, 3)
    ]
    assert [onnx.load(path).graph.node[0].attribute[0].f for path in paths] == [0.0, 1.0, 2.0]
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"cats-encoder"}


def test_the_next_version_follows_the_newest(tmp_path):
    first = add_version(tmp_path, "cats", "encoder", graph())
    first.parent.rename(tmp_path / "cats-encoder" / "9")
    (tmp_path / "cats-encoder" / "notes").mkdir()
    assert add_version(tmp_path, "cats", "encoder", graph()).parent.name == "10"


def test_a_tuned_configuration_stays(tmp_path):
    add_version(tmp_path, "cats", "encoder", graph())
    config = tmp_path / "cats-encoder" / CONFIG
    config.write_text(config.read_text() + "instance_group [ { count: 2 } ]\n")
    add_version(tmp_path, "cats", "encoder", graph())
    assert "instance_group" in config.read_text()
    config.unlink()
    add_version(tmp_path, "cats", "encoder", graph())
    assert "max_batch_size" in config.read_text()


def test_another_interface_needs_another_name(tmp_path):
    add_version(tmp_path, "cats", "encoder", graph())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match="other inputs or outputs"):
        add_version(tmp_path, "cats", "encoder", graph(channels=1))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_version_is_named(tmp_path):
    add_version(tmp_path, "cats", "encoder", graph()).write_bytes(b"\xff\xff\xff")
    with pytest.raises(RunError, match=r"1/model\.onnx cannot be read"):
        add_version(tmp_path, "cats", "encoder", graph())


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("export.repository.config_text", full)
    with pytest.raises(OSError, match="No space"):
        add_version(tmp_path, "cats", "encoder", graph())
    assert list(tmp_path.iterdir()) == []


def test_exports_at_the_same_time_get_versions_of_their_own(tmp_path):
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(add_version(tmp_path, "cats", "encoder", graph())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(path.parent.name) for path in paths) == list(range(1, 9))
    assert all(path.is_file() for path in paths)
    assert {path.name for path in tmp_path.iterdir()} == {"cats-encoder"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "-x", ".hidden", "a b", "ä", "x\n", "a" * 101])
def test_unsafe_names_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="no name for a model"):
        add_version(tmp_path, name, "encoder", graph())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cats", "2", "stl-10_v1.2"])
def test_safe_names_pass(name):
    assert check_name(name) == name


def test_the_repository_must_not_be_a_file(tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(InputError, match="is a file"):
        add_version(tmp_path / "models", "cats", "encoder", graph())
