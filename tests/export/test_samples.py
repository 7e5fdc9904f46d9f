import dataclasses

import numpy as np
import pytest
from PIL import Image

from export.samples import CALIBRATION, draw, images_of
from symae.corruption import GaussianNoise, SmallBlocks
from symae.data import DataOptions, Target, open_dataset
from symae.errors import DataError, RunError
from symae.recipes import find
from symae.run import Run, create

RECIPE = dataclasses.replace(find("pretrain"), crop=16, resize=None, validation=0.25)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(tmp_path / "photos" / f"{number:02}.png")
    return tmp_path / "photos"


def images(folder):
    return open_dataset(str(folder), target=Target.NONE, part="train", options=DataOptions())


def test_the_run_s_own_held_out_images_are_taken(folder, tmp_path):
    create(Run(tmp_path / "run", RECIPE, 0, str(folder), ""))
    recipe, found = images_of(tmp_path / "run")
    assert (recipe, len(found)) == (RECIPE, 3)


def test_images_that_are_given_are_taken_whole(folder, tmp_path):
    create(Run(tmp_path / "run", RECIPE, 0, "is-gone", ""))
    assert len(images_of(tmp_path / "run", str(folder))[1]) == 12
    with pytest.raises(DataError, match="is-gone"):
        images_of(tmp_path / "run")


def test_training_images_stand_in_where_none_are_held_out(folder, tmp_path):
    create(Run(tmp_path / "run", dataclasses.replace(RECIPE, validation=0.0, keep="last"), 0, str(folder), ""))
    assert len(images_of(tmp_path / "run")[1]) == 12


def test_weights_alone_do_not_say_how_images_are_damaged(tmp_path):
    with pytest.raises(RunError, match="no run directory"):
        images_of(tmp_path)


def test_calibration_and_measurement_share_no_image(folder):
    clean = dataclasses.replace(RECIPE, corruption=GaussianNoise(0))
    calibration, held_out = draw(clean, images(folder))
    shares = [{image.tobytes() for sample in share for image in sample.clean} for share in (calibration, held_out)]
    assert [len(share) for share in shares] == [6, 6]
    assert not shares[0] & shares[1]
    assert CALIBRATION > 6
    for sample in (*calibration, *held_out):
        np.testing.assert_array_equal(sample.inputs["image"], sample.clean)


def test_an_autoencoder_s_images_are_damaged_the_same_at_every_call(folder):
    damaging = dataclasses.replace(RECIPE, corruption=SmallBlocks())
    first, again = (draw(damaging, images(folder))[1][0] for _ in range(2))
    assert first.inputs["mask"].any()
    np.testing.assert_array_equal(first.inputs["mask"], again.inputs["mask"])


def test_two_images_are_the_least(folder):
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    with pytest.raises(DataError, match="1 images"):
        draw(RECIPE, images(folder))
