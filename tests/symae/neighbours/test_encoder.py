import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from serve.client import Client
from serve.config import ServeConfig
from serve.server import load_sessions, running
from symae.errors import DataError
from symae.neighbours.encoder import encode_by_server, encode_here
from symae.neighbours.table import open_features

RED = np.array([[200 / 255, 5 / 255, 0]], np.float32)


@pytest.fixture
def origin(house, monkeypatch):
    monkeypatch.chdir(house)
    return open_features(house / "features.parquet").origin


@pytest.mark.parametrize("model", [None, "models", "models/toy-encoder", "models/toy-encoder/1/model.onnx"])
def test_the_tables_encoder_is_found_and_used(origin, model):
    found = encode_here(origin, [Path("new.png")], model=model and Path(model))
    np.testing.assert_allclose(found, RED, atol=1e-4)


def test_an_older_version_is_found_by_its_weights(origin, house, toys, tmp_path):
    shutil.copytree(house / "models", tmp_path / "models")
    toys.write_encoder(tmp_path / "models" / "toy-encoder" / "2" / "model.onnx", layer=2)
    assert encode_here(origin, [house / "new.png"], model=tmp_path / "models").shape == (1, 3)
    shutil.rmtree(tmp_path / "models" / "toy-encoder" / "1")
    with pytest.raises(DataError, match=r"made by toy-encoder version 1 .* has toy-encoder version 2 with others"):
        encode_here(origin, [house / "new.png"], model=tmp_path / "models")


def test_what_is_missing_or_broken_is_one_line(origin, house, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"photos/5.png: not an image"):
        encode_here(origin, [Path("photos/5.png")], model=None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"is not in models/toy-encoder: give its folder with --model"):
        encode_here(origin, [house / "new.png"], model=None)


def test_a_server_that_has_the_encoder(origin, house):
    config = ServeConfig(address="localhost:0", threads=1, grace=5, max_request_images=1)
    with running(load_sessions(house / "models", config), config) as address, Client(address, timeout=60) as client:
        new = [house / "new.png"]
        np.testing.assert_allclose(encode_by_server(origin, new * 2, client=client), [*RED, *RED], atol=1e-4)
        other = dataclasses.replace(origin, version="7")
        with pytest.raises(DataError, match=r"version 7 .* the server has toy-encoder version 1 \(3\)"):
            encode_by_server(other, [house / "new.png"], client=client)
        maps = dataclasses.replace(origin, output="feature_map")
        with pytest.raises(DataError, match="give the encoder with --model instead of --address"):
            encode_by_server(maps, [house / "new.png"], client=client)
