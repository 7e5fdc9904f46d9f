"""Small real models behind the page, pictures of known colours, and a table of their features."""

import numpy as np
import pytest
from PIL import Image

from serve.calling.connect import connected
from symae.neighbours.table import open_features
from symae.ui.backend import Backend
from symae.ui.nearest import Table
from symae.ui.picture import open_picture

COLOURS = {"red": (200, 40, 30), "orange": (210, 120, 20), "green": (30, 190, 60), "blue": (20, 60, 220)}


@pytest.fixture(scope="session")
def models(tmp_path_factory, toys):
    """A repository with one toy of each kind: the auto-encoder inverts, and writes 7 where pixels are missing."""
    folder = tmp_path_factory.mktemp("ui") / "models"
    for kind, write in toys.WRITERS.items():
        write(folder / f"toy-{kind}" / "1" / "model.onnx")
    return folder


@pytest.fixture(scope="session")
def pictures(models):
    """A folder of plain pictures, beside the models as `symae demo` has its scenes."""
    folder = models.parent / "scenes"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (24, 20), colour).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def features(models, pictures, borrow):
    """The table of these pictures by the toy encoder, whose embedding is the mean colour; one file has gone."""
    vectors = [*(np.float32(colour) / 255 for colour in COLOURS.values()), np.float32([0.9, 0.9, 0.9])]
    paths = [*(str(pictures / f"{name}.png") for name in COLOURS), "gone/white.png"]
    return borrow("symae/neighbours/conftest.py").write_table(models.parent / "features.parquet", vectors, paths=paths)


@pytest.fixture(scope="session")
def table(features):
    return Table(open_features(features))


@pytest.fixture(scope="session")
def backend(models):
    with connected("autoencoder", None, models, print) as client:
        yield Backend(client, "this process")


@pytest.fixture
def photo(tmp_path):
    """A picture of 30 x 20 with some structure."""
    y, x = np.mgrid[:20, :30]
    pixels = np.stack([8 * x, 10 * y, 100 + 0 * x], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return open_picture(tmp_path / "photo.png")
