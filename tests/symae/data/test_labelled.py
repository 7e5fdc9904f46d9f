from __future__ import annotations

from pathlib import Path

import pytest

from symae.data.labelled import class_folders, multilabel_folder
from symae.data.maps import ClassList
from symae.errors import DataError


def test_the_class_of_an_image_is_its_folder(tmp_path: Path, write) -> None:
    for name in ("train/dog/deep/1.png", "train/cat/2.png", "train/cat/1.png", "test/dog/9.png"):
        write(name)
    train = class_folders(tmp_path, tmp_path / "train", tmp_path / "train", 3)
    assert train.classes == ("cat", "dog")
    assert train.labels is not None and train.labels.tolist() == [0, 0, 1]
    assert [train[i].target for i in range(3)] == [0, 0, 1]
    test = class_folders(tmp_path, tmp_path / "test", tmp_path / "train", 3)
    assert test.classes == train.classes and test[0].target == 1


@pytest.mark.parametrize(
    ("files", "folders", "message"),
    [
        (["cat/1.png", "dog/1.png", "stray.png"], [], "stray.png does not lie in a class folder"),
        (["cat/1.png"], ["dog"], "dog contains no images"),
        (["cat/1.png"], [], "at least two"),
        ([], ["cat", "dog"], "contains no images"),
    ],
)
def test_class_folders_that_are_none(tmp_path: Path, write, files: list[str], folders: list[str], message: str) -> None:
    for name in files:
        write(name)
    for name in folders:
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=message):
        class_folders(tmp_path, tmp_path, tmp_path, 3)


def test_a_class_that_training_does_not_know_is_an_error(tmp_path: Path, write) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/cow/1.png"):
        write(name)
    with pytest.raises(DataError, match="one of the 2 class folders"):
        class_folders(tmp_path, tmp_path / "test", tmp_path / "train", 3)


@pytest.mark.parametrize("header", ["", "filename,labels\n"])
@pytest.mark.parametrize("folder", ["", "images/"])
def test_a_list_gives_each_image_its_classes(tmp_path: Path, write, header: str, folder: str) -> None:
    for name in "abc":
        write(f"{folder}{name}.png")
    (tmp_path / "labels.csv").write_text(header + "a.png,dog;cat\nb.png,\nc.png, dog \n")
    dataset = multilabel_folder(tmp_path, tmp_path, tmp_path, 3, None)
    assert dataset.classes == ("cat", "dog")
    assert [dataset[i].target.tolist() for i in range(3)] == [[1, 1], [0, 0], [0, 1]]


def test_a_class_list_fixes_names_and_order(tmp_path: Path, write) -> None:
    write("a.png")
    (tmp_path / "labels.csv").write_text("a.png,dog\n")
    dataset = multilabel_folder(tmp_path, tmp_path, tmp_path, 3, ClassList(("dog", "cat", "cow"), ()))
    assert dataset[0].target.tolist() == [1, 0, 0]
    with pytest.raises(DataError, match="unknown class 'dog'"):
        multilabel_folder(tmp_path, tmp_path, tmp_path, 3, ClassList(("cat",), ()))


@pytest.mark.parametrize(("text", "message"), [("", "lists no images"), ("a.png,cat,dog\n", "3 columns")])
def test_a_malformed_list_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        multilabel_folder(tmp_path, tmp_path, tmp_path, 3, None)
