from __future__ import annotations

import sys

import numpy as np
import pytest

from symae.data import DataOptions, Target, open_dataset
from symae.data.photos import HELD_OUT, TRAIN, PhotoCrops, draw_crop, load_photo
from symae.errors import DataError


def test_no_photograph_is_in_two_parts() -> None:
    assert not set(TRAIN) & set(HELD_OUT) and len(HELD_OUT) >= 3
    for name in (*TRAIN, *HELD_OUT):
        assert min(load_photo(name, 3).shape[:2]) >= 256


@pytest.mark.parametrize("channels", [1, 3])
def test_crops_are_a_function_of_their_number(channels: int) -> None:
    first, second = PhotoCrops(channels), PhotoCrops(channels)
    assert np.array_equal(first[5].image, second[5].image)
    assert first[5].image.shape == (128, 128, channels)
    assert not np.array_equal(first[5].image, first[6].image)
    assert not np.array_equal(first[5].image, PhotoCrops(channels, seed=1)[5].image)
    assert first.fingerprint() != PhotoCrops(channels, seed=1).fingerprint()


def test_the_held_out_photographs_are_whole_and_modest() -> None:
    for part in ("validation", "test"):
        dataset = open_dataset("photos", target=Target.NONE, part=part, options=DataOptions(validation=0.5))
        assert len(dataset) == len(HELD_OUT)
        assert all(min(dataset[i].image.shape[:2]) == 256 for i in range(len(dataset)))
        assert dataset.path(0).endswith(HELD_OUT[0])
    assert len(open_dataset("photos", target=Target.NONE, part="train", options=DataOptions(validation=0.5))) == 2048


@pytest.mark.parametrize("size", [(20, 30), (64, 64), (200, 70), (400, 500)])
def test_a_crop_has_its_side_whatever_the_photograph(size: tuple[int, int]) -> None:
    photo = np.zeros((*size, 3), np.uint8)
    for seed in range(20):
        assert draw_crop(photo, 64, np.random.default_rng(seed)).shape == (64, 64, 3)


def test_photographs_have_no_labels() -> None:
    with pytest.raises(DataError, match="try scenes"):
        open_dataset("photos", target=Target.CLASS, part="train", options=DataOptions())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load_photo.cache_clear()
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(DataError, match="need scikit-image"):
        load_photo("coffee", 3)
