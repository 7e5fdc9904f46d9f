import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from symae.errors import DataError
from symae.neighbours.projector import write_projector
from symae.neighbours.table import open_features


@pytest.fixture
def features(house, monkeypatch):
    monkeypatch.chdir(house)
    return open_features(house / "features.parquet")


def test_tensorboard_reads_what_is_written(features, tmp_path):
    assert write_projector(features, tmp_path, 100, 0) == 5  # of six; one is broken
    config = ProjectorConfig()
    text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), config)
    (embedding,) = config.embeddings
    tensor = projector_plugin._read_tensor_tsv_file(str(tmp_path / embedding.tensor_path))
    assert tensor.shape == tuple(embedding.tensor_shape) == (5, 3)
    np.testing.assert_allclose(tensor, features.vectors(range(5)), rtol=1e-6)
    lines = (tmp_path / embedding.metadata_path).read_text().splitlines()
    assert lines[:2] == ["path\tfolder\twidth\theight", "photos/0.png\tphotos\t40\t30"]
    assert len(lines) == 6
    sheet = Image.open(tmp_path / embedding.sprite.image_path)
    side = embedding.sprite.single_image_dim[0]
    assert sheet.size == (3 * side, 3 * side)
    for number, channel in ((0, 0), (2, 1), (3, 2)):  # red, green, blue
        pixel = sheet.getpixel((number % 3 * side + side // 2, number // 3 * side + side // 2))
        assert np.argmax(pixel) == channel and max(pixel) > 200


def test_tensorboards_plugin_finds_it(features, tmp_path):
    class Context:
        logdir = str(tmp_path)
        data_provider = None

    write_projector(features, tmp_path, 100, 0)
    plugin = projector_plugin.ProjectorPlugin(Context())
    plugin._update_configs()
    assert [list(config.embeddings[0].tensor_shape) for config in plugin._configs.values()] == [[5, 3]]


def test_of_many_rows_some_are_drawn_by_a_seed(tables, vectors, tmp_path):
    features = open_features(tables(tmp_path / "f.parquet", vectors))
    names = []
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_projector(features, tmp_path / out, 20, seed)
        names.append((tmp_path / out / "metadata.tsv").read_text())
    assert names[0] == names[1] != names[2]
    assert names[0].splitlines()[1:] == sorted(names[0].splitlines()[1:])


def test_of_broken_images_alone_nothing_is_written(tables, tmp_path):
    file = tables(tmp_path / "f.parquet", [np.ones(3)] + [None] * 3)
    with pytest.raises(DataError, match=r"none of 2 images of .*f.parquet could be read"):
        write_projector(open_features(file), tmp_path / "out", 2, seed=2)  # of the last two rows
    assert not (tmp_path / "out").exists()


def test_another_projector_is_not_overwritten(features, tmp_path):
    write_projector(features, tmp_path, 100, 0)
    with pytest.raises(DataError, match="has a projector already: choose another --out"):
        write_projector(features, tmp_path, 100, 1)
