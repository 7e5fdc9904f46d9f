from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from serve.features.sources import list_items
from symae.data.paths import PathList, images_below, scan_images, subfolders
from symae.errors import DataError


def test_a_path_list_returns_what_was_put_in(tmp_path: Path) -> None:
    names = ["a.jpg", "b/c d.png", "ü/東京.jpg", ""]
    paths = pickle.loads(pickle.dumps(PathList.of(tmp_path, names)))
    assert [paths.relative(i) for i in range(len(paths))] == names
    assert paths[1] == str(tmp_path / "b/c d.png")
    with pytest.raises(IndexError):
        paths[4]


def test_a_file_name_that_is_no_text_survives(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg"))).write_bytes(b"abc")
    paths = scan_images(tmp_path)
    assert paths.sizes().tolist() == [3]


def test_the_scan_is_sorted_deep_and_leaves_out_what_is_hidden_or_no_image(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/10.png", "a.webp", ".hidden.png", ".git/x.png", "notes.txt", "c/d/e/f.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    paths = scan_images(tmp_path)
    assert [paths.relative(i) for i in range(len(paths))] == ["a.webp", "b/10.png", "b/2.JPG", "c/d/e/f.tif"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/1.png").touch()
    (tmp_path / "real/back").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    paths = scan_images(tmp_path)
    assert [paths.relative(i) for i in range(len(paths))] == ["again/1.png", "gone.png", "real/1.png"]
    assert paths.sizes()[1] == -1


def test_a_table_of_features_has_the_images_that_training_sees(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "a.webp", ".hidden.png", ".git/x.png", "notes.txt", "b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    (tmp_path / "b/back").symlink_to(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    trained = scan_images(tmp_path)
    assert [item.name for item in list_items([tmp_path])] == [trained[i] for i in range(len(trained))]
    assert len(trained) == 5


def test_no_images_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        images_below(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="contains no images"):
        images_below(tmp_path)


def test_subfolders_are_sorted_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b", "a", ".c"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    assert subfolders(tmp_path) == ["a", "b"]
