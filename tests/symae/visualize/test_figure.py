import numpy as np
import pytest
from PIL import Image

from symae.errors import InputError, RunError
from symae.visualize import Figure, View, draw_features, draw_restorations


def quiet(line: str) -> None:
    """Take a line of news and drop it."""


def test_the_same_seed_writes_the_same_bytes(pretrained, tmp_path):
    for name in ("first", "again"):
        draw_restorations(pretrained.path, Figure(tmp_path / "new" / f"{name}.png", device="cpu"), say=quiet)
    first, again = ((tmp_path / "new" / f"{name}.png").read_bytes() for name in ("first", "again"))
    assert first == again
    assert not list((tmp_path / "new").glob("*.partial"))


def test_a_classifiers_feature_maps(classifier, tmp_path):
    out = tmp_path / "maps.png"
    draw_features([classifier.path], Figure(out, limit=2, device="cpu"), View(2, occlude=True), say=quiet)
    with Image.open(out) as picture:
        assert np.asarray(picture).std() > 10


def test_bad_input_writes_nothing(pretrained, gray, class_folder, tmp_path):
    image = class_folder / "test" / "dark" / "000.png"
    before = image.read_bytes()
    with pytest.raises(InputError, match="one of the images"):
        draw_restorations(pretrained.path, Figure(image, (str(image.parent),), device="cpu"), say=quiet)
    assert image.read_bytes() == before
    with pytest.raises(InputError, match=r"ends in \.png"):
        draw_restorations(pretrained.path, Figure(tmp_path / "out.jpg"), say=quiet)
    with pytest.raises(RunError, match="gray and colour"):
        draw_features([pretrained.path, gray.path], Figure(tmp_path / "out.png"), View(1), say=quiet)
    with pytest.raises(RunError, match="no run directory"):
        draw_restorations(tmp_path, Figure(tmp_path / "out.png"), say=quiet)
    assert not list(tmp_path.iterdir())
