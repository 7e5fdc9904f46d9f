from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from symae.data import VOID, DataOptions, Target, open_dataset
from symae.data.mapped import label_map_folder
from symae.errors import DataError


@pytest.mark.parametrize("folder", ["labels", "masks", "annotations"])
def test_images_and_maps_are_matched_by_name(tmp_path: Path, write, write_map, folder: str) -> None:
    for value, name in enumerate(("b", "deep/a", "c.d")):
        write(f"images/{name}.jpg", (4, 5))
        write_map(f"{folder}/{name}.png", np.full((4, 5), value))
    write_map(f"{folder}/unused.png", np.full((4, 5), 1))
    dataset = label_map_folder(tmp_path, tmp_path, tmp_path, 3, None)
    assert len(dataset) == 3 and dataset.classes == ("class 0", "class 1", "class 2")
    assert len(dataset.colours) == 3
    for index, value in ((0, 0), (1, 2), (2, 1)):
        assert (dataset[index].target == value).all()


def test_the_class_list_turns_the_rest_into_void(tmp_path: Path, write, write_map) -> None:
    for part in ("train", "val"):
        write(f"{part}/images/a.jpg", (1, 4))
        write_map(f"{part}/labels/a.png", np.array([[0, 1, 2, 255]]))
    (tmp_path / "classes.txt").write_text("0 0 0 road\n9 9 9 sky\n")
    for part in ("train", "validation", "test"):
        dataset = open_dataset(str(tmp_path), target=Target.MAP, part=part, options=DataOptions())
        assert dataset.classes == ("road", "sky") and dataset.colours == ((0, 0, 0), (9, 9, 9))
        assert dataset[0].target.tolist() == [[0, 1, VOID, VOID]]


def test_the_training_part_counts_the_classes_for_all(tmp_path: Path, write, write_map) -> None:
    for part, value in (("train", 4), ("val", 7)):
        write(f"{part}/images/a.jpg", (2, 2))
        write_map(f"{part}/labels/a.png", np.full((2, 2), value))
    dataset = open_dataset(str(tmp_path), target=Target.MAP, part="validation", options=DataOptions())
    assert len(dataset.classes) == 5 and (dataset[0].target == VOID).all()


def test_an_image_without_a_map_is_an_error(tmp_path: Path, write, write_map) -> None:
    write("images/a.jpg")
    write("images/b.jpg")
    write_map("labels/a.png", np.zeros((12, 16)))
    with pytest.raises(DataError, match=r"1 images have no label map.*b\.jpg"):
        label_map_folder(tmp_path, tmp_path, tmp_path, 3, None)


def test_classes_that_a_recipe_knows_stand_in_for_a_missing_list(tmp_path: Path, write, write_map) -> None:
    for part in ("train", "val"):
        write(f"{part}/images/a.jpg", (1, 3))
        write_map(f"{part}/labels/a.png", np.array([[0, 1, 2]]))
    options = DataOptions(classes=("1 2 3 sky", "road"))
    for part in ("train", "validation"):
        dataset = open_dataset(str(tmp_path), target=Target.MAP, part=part, options=options)
        assert dataset.classes == ("sky", "road") and dataset.colours[0] == (1, 2, 3)
        assert dataset[0].target.tolist() == [[0, 1, VOID]]
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    own = open_dataset(str(tmp_path), target=Target.MAP, part="train", options=options)
    assert own.classes == ("a", "b", "c") and own[0].target.tolist() == [[0, 1, 2]]
