import dataclasses

import pytest
import torch

from symae.errors import DataError
from symae.probe.images import Question, load_crops, open_parts
from symae.recipes import find

RECIPE = dataclasses.replace(find("pretrain"), crop=21, resize=None)


def crops(question):
    return load_crops(open_parts(question, 3), RECIPE, question.seed, torch.device("cpu"))


def test_a_fifth_of_every_class_is_held_out_behind_the_others(class_folder):
    found = crops(Question(str(class_folder), labels=20))
    assert (found.fitted, found.classes, found.side) == (16, 2, 21)
    assert found.labels[16:].bincount().tolist() == [2, 2]
    assert found.training.shape == (20, 3, 21, 21)
    assert found.test_labels.bincount().tolist() == [4, 4]


def test_labels_follow_their_images(class_folder):
    found = crops(Question(str(class_folder), labels=0))
    brightness = found.training.float().mean((1, 2, 3))
    assert len(found.labels) == 24
    assert torch.equal(brightness < 128, found.labels == 1)  # the classes are bright and dark


def test_the_seed_says_which_images(class_folder):
    first, again, other = (open_parts(Question(str(class_folder), 10, seed), 3).fingerprint() for seed in (1, 1, 2))
    assert first == again != other


def test_too_few_labels(class_folder):
    with pytest.raises(DataError, match="5 training images a class"):
        open_parts(Question(str(class_folder), labels=8), 3)


def test_without_a_test_part(class_folder):
    with pytest.raises(DataError, match="test"):
        open_parts(Question(str(class_folder / "train"), labels=20), 3)
