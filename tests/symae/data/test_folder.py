from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from symae.data import DataOptions, Target, open_dataset
from symae.data.folder import own_parts
from symae.errors import DataError

OPTIONS = DataOptions()


def names(dataset) -> list[str]:
    return [Path(dataset.path(i)).name for i in range(len(dataset))]


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (["train", "val", "test"], {"train", "validation", "test"}),
        (["train", "validation", "extra"], {"train", "validation"}),
        (["training", "testing"], {"train", "test"}),
        (["test"], {"test"}),
        (["test", "2019", "2020"], set()),  # an album called "test" is no part
        (["cats", "dogs"], set()),
        ([], set()),
    ],
)
def test_parts_are_recognised_by_their_names(tmp_path: Path, folders: list[str], parts: set[str]) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
    assert set(own_parts(tmp_path)) == parts


def test_each_part_folder_is_that_part(tmp_path: Path, write) -> None:
    for part in ("train", "val", "test"):
        write(f"{part}/{part}.png")
    for part, name in (("train", "train.png"), ("validation", "val.png"), ("test", "test.png")):
        assert names(open_dataset(str(tmp_path), target=Target.NONE, part=part, options=OPTIONS)) == [name]


def test_class_folders_open_without_labels_too(tmp_path: Path, write) -> None:
    for name in ("cat/1.png", "dog/1.png", "dog/2.jpg"):
        write(name)
    dataset = open_dataset(str(tmp_path), target=Target.NONE, part="train", options=OPTIONS)
    assert len(dataset) == 3
    assert dataset[0].target is None and dataset.classes == ()


def test_label_maps_are_not_taken_for_images(tmp_path: Path, write, write_map) -> None:
    write("images/a.jpg")
    write_map("labels/a.png", np.zeros((12, 16)))
    assert names(open_dataset(str(tmp_path), target=Target.NONE, part="train", options=OPTIONS)) == ["a.jpg"]


@pytest.mark.parametrize("target", list(Target))
def test_an_empty_folder_is_an_error_for_every_target(tmp_path: Path, target: Target) -> None:
    with pytest.raises(DataError, match=r"empty|no labels|no label maps|no labels\.csv"):
        open_dataset(str(tmp_path), target=target, part="train", options=OPTIONS)


@pytest.mark.parametrize("target", [Target.CLASS, Target.MULTILABEL, Target.MAP])
def test_labels_of_an_unlabelled_folder_are_an_error(tmp_path: Path, write, target: Target) -> None:
    write("1.png")
    with pytest.raises(DataError, match="expected") as caught:
        open_dataset(str(tmp_path), target=target, part="train", options=OPTIONS)
    assert "\n" not in str(caught.value)
