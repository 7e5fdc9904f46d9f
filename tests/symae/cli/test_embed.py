import json

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper
from PIL import Image

from serve.metadata import KEY, ModelMetadata
from symae.cli import main


@pytest.fixture
def repository(tmp_path):
    """An encoder whose feature map is the image and whose embedding is its mean."""
    card = ModelMetadata("encoder", 3, crop=8, resize=None, stride=1, receptive_field=1, embedding_size=3)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ("N", "H", "W", 3))
    outputs = [
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ("N", 3)),
        helper.make_tensor_value_info("feature_map", TensorProto.FLOAT, ("N", 3, "H", "W")),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["x"], ["feature_map"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["feature_map"], ["embedding"], axes=[2, 3], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "encoder", [image], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {KEY: card.to_json()})
    path = tmp_path / "models" / "toy-encoder" / "1" / "model.onnx"
    path.parent.mkdir(parents=True)
    onnx.save(model, path)
    return tmp_path / "models"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for value in range(5):
        Image.fromarray(np.full((6, 7, 3), value, np.uint8)).save(folder / f"{value}.png")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["embed", "--threads", "1", *map(str, arguments)])


@pytest.mark.parametrize("model", ["", "toy-encoder", "toy-encoder/1/model.onnx"])
def test_a_table_of_features(repository, images, tmp_path, model):
    out = tmp_path / "features.parquet"
    result = run(repository / model, images, "--out", out)
    assert result.exit_code == 0, result.output
    assert f"{out}: 5 rows, 0 of them with an error" in result.output
    table = pq.read_table(out)
    assert table.column("embedding").to_pylist() == [[float(value)] * 3 for value in range(5)]
    assert json.loads(table.schema.metadata[b"symae"])["model"] == "toy-encoder"


def test_broken_images_are_named_and_the_rest_is_written(repository, images, tmp_path):
    (images / "2.png").write_bytes(b"broken")
    result = run(repository, images, "--out", tmp_path / "features.parquet")
    assert result.exit_code == 0
    assert f"{images / '2.png'}: not an image" in result.stderr
    assert "5 rows, 1 of them with an error" in result.stdout


def test_a_finished_table_is_not_overwritten_unasked(repository, images, tmp_path):
    out = tmp_path / "features.parquet"
    assert run(repository, images, "--out", out).exit_code == 0
    before = out.read_bytes()
    again = run(repository, images, "--out", out)
    assert again.exit_code == 0 and "5 rows" in again.stdout
    result = run(repository, images, "--out", out, "--shard", "1/2")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "exists already" in result.stderr
    assert out.read_bytes() == before
    assert run(repository, images, "--out", out, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--shard", "9/2"], "a shard is i/n"), (["--provider", "Abacus"], "no provider 'Abacus")],
)
def test_what_is_wrong_is_one_line(repository, images, tmp_path, arguments, message):
    result = run(repository, images, "--out", tmp_path / "features.parquet", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_threads_are_no_less_than_none(repository, images, tmp_path):
    result = run(repository, images, "--out", tmp_path / "features.parquet", "--threads", "-1")
    assert result.exit_code == 2
    assert "-1 is not in the range x>=0" in result.stderr


def test_an_array_of_half_precision(repository, images, tmp_path):
    (images / "2.png").write_bytes(b"broken")
    out = tmp_path / "features.npy"
    result = run(repository, images, "--out", out, "--dtype", "float16")
    assert result.exit_code == 0, result.output
    array = np.load(out, mmap_mode="r")
    assert (array.shape, array.dtype) == ((5, 3), np.float16)
    assert [row[0] for row in array[[0, 1, 3, 4]]] == [0, 1, 3, 4] and np.isnan(array[2]).all()
    assert (
        tmp_path / "features.npy.errors.txt"
    ).read_text() == f"{images / '2.png'}\tnot an image, or of an unknown format\n"
    assert json.loads((tmp_path / "features.npy.manifest.json").read_text())["failed"] == 1
    assert (
        f"{out}: 5 rows, 1 of them with an error" in run(repository, images, "--out", out, "--dtype", "float16").stdout
    )


def test_a_url_is_taken_as_it_is_written(repository, images, tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is of the extra `scale`")
    result = run(repository, f"file://{images}", "--out", tmp_path / "features.parquet")
    assert result.exit_code == 0, result.output
    assert pq.read_table(tmp_path / "features.parquet").column("path").to_pylist()[0] == f"file://{images}/0.png"
    result = run(repository, "abacus://images", "--out", tmp_path / "other.parquet")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_maps_of_a_model_without_a_size_are_refused_in_one_line(repository, images, tmp_path):
    result = run(repository, images, "--out", tmp_path / "features.parquet", "--output", "feature_map")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "images must be fitted to one size" in result.stderr
    assert not (tmp_path / "features.parquet.parts").exists()
