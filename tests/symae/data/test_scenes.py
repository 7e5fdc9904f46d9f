from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from symae.data import DataOptions, Target, open_dataset
from symae.data.photos import TRAIN
from symae.data.scenes import COLOURS, DIGITS, MOST_DIGITS, PARTS, SIDE, Scenes
from symae.errors import DataError


def test_parts_share_neither_digits_nor_photographs() -> None:
    for one, other in combinations(PARTS.values(), 2):
        assert not set(one.digits) & set(other.digits)
        assert not set(one.photos) & set(other.photos)
    assert not set(PARTS["test"].photos) & set(TRAIN)  # nor were they seen in unlabelled training
    assert max(PARTS["test"].digits) == 1796


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_every_target_describes_the_same_scene(part) -> None:
    plain, maps, lists = (Scenes(part, target) for target in (Target.NONE, Target.MAP, Target.MULTILABEL))
    for index in range(10):
        example, mapped, listed = plain[index], maps[index], lists[index]
        assert example.target is None and example.image.shape == (SIDE, SIDE, 3)
        assert np.array_equal(example.image, mapped.image) and np.array_equal(example.image, listed.image)
        present = set(np.unique(mapped.target)) - {0}
        assert 1 <= len(present) <= MOST_DIGITS and max(present) <= len(DIGITS)
        assert {i + 1 for i in np.flatnonzero(listed.target)} == present


def test_a_digit_is_where_the_map_says() -> None:
    """The ink has one colour, so inside a digit's map pixels vary less than in the whole scene."""
    quieter = 0
    for index in range(20):
        example = Scenes("train")[index]
        inside = example.image[example.target == np.max(example.target)].std(axis=0).mean()
        quieter += inside < example.image.reshape(-1, 3).std(axis=0).mean()
    assert quieter >= 16


def test_scenes_are_a_function_of_their_number() -> None:
    assert np.array_equal(Scenes("test")[7].image, Scenes("test")[7].image)
    assert not np.array_equal(Scenes("test")[7].image, Scenes("test", seed=1)[7].image)
    assert len({Scenes(p, t).fingerprint() for p in PARTS for t in (Target.MAP, Target.NONE)}) == 6


def test_classes_colours_and_sizes() -> None:
    for part, material in PARTS.items():
        dataset = open_dataset("scenes", target=Target.MAP, part=part, options=DataOptions())
        assert len(dataset) == material.count
        assert dataset.classes == ("background", *DIGITS) and len(set(dataset.colours)) == 4
    lists = open_dataset("scenes", target=Target.MULTILABEL, part="train", options=DataOptions(channels=1))
    assert lists.classes == DIGITS and lists.colours == () and lists[0].image.shape == (SIDE, SIDE, 1)
    assert COLOURS[0] == (0, 0, 0)


def test_all_digits_occur_about_as_often() -> None:
    share = np.mean([Scenes("train", Target.MULTILABEL)[i].target for i in range(300)], axis=0)
    assert share.min() > 0.3 and share.max() < 0.6


def test_one_class_a_scene_is_not_to_be_had() -> None:
    with pytest.raises(DataError, match="'multilabel' or 'map'"):
        open_dataset("scenes", target=Target.CLASS, part="train", options=DataOptions())
