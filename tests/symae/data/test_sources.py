from __future__ import annotations

from pathlib import Path

import pytest

from symae.data import DataOptions, Target, open_dataset
from symae.errors import DataError


def refused(data: str, match: str, **options) -> None:
    with pytest.raises(DataError, match=match) as caught:
        open_dataset(data, target=Target.NONE, part="train", options=DataOptions(**options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("data", "near"), [("cifar-10", "cifar10"), ("Photos", "photos"), ("stl", "stl10")])
def test_an_unknown_name_names_the_nearest(data: str, near: str) -> None:
    refused(data, f"did you mean {near}")


def test_a_missing_folder_and_a_stray_file(tmp_path: Path) -> None:
    refused(str(tmp_path / "nothing"), "neither a folder nor a known data set: expected a folder")
    (tmp_path / "a.jpg").touch()
    refused(str(tmp_path / "a.jpg"), "is a file: expected a folder")
    refused(str(tmp_path / "a.tar"), "does not exist")


def test_options_out_of_range(tmp_path: Path) -> None:
    refused("photos", "channels=2", channels=2)
    refused("photos", "validation=1.5", validation=1.5)
    refused("photos", "only STL-10 has folds", fold=0)


def test_a_folder_may_bear_odd_signs(tmp_path: Path, write) -> None:
    write("odd {0..3} [x].tar/1.png")
    folder = tmp_path / "odd {0..3} [x].tar"
    assert len(open_dataset(str(folder), target=Target.NONE, part="train", options=DataOptions())) == 1


def test_a_folder_with_the_name_of_a_set_is_told_apart(tmp_path: Path, write, monkeypatch, caplog) -> None:
    write("photos/one.png")
    monkeypatch.chdir(tmp_path)
    assert open_dataset("photos", target=Target.NONE, part="train", options=DataOptions()).name == "photos-train"
    assert "write ./photos" in caplog.text
    assert len(open_dataset("./photos", target=Target.NONE, part="train", options=DataOptions())) == 1
