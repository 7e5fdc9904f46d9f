from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from symae.data import VOID, DataOptions, Target, UnreadableImage, open_dataset
from symae.errors import DataError

OPTIONS = DataOptions()


def png(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(stream, "png")
    return stream.getvalue()


def pixels(value: int) -> np.ndarray:
    return np.full((4, 5, 3), value)


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def sample(number: int) -> dict[str, bytes]:
    return {f"{number:04d}.png": png(pixels(number)), f"{number:04d}.cls": str(number % 3).encode()}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for shard in range(3):
        numbers = range(shard * 4, shard * 4 + 4)
        write_tar(tmp_path / f"s-{shard:03d}.tar", {k: v for n in numbers for k, v in sample(n).items()})
    return tmp_path


@pytest.mark.parametrize("data", ["", "s-{000..002}.tar", "s-*.tar"])
def test_samples_are_found_in_order_and_read_in_any(shards: Path, data: str) -> None:
    dataset = open_dataset(str(shards / data), target=Target.CLASS, part="train", options=OPTIONS)
    dataset = pickle.loads(pickle.dumps(dataset))  # as a worker gets it
    assert len(dataset) == 12 and dataset.classes == ("0", "1", "2")
    assert dataset.labels.tolist() == [n % 3 for n in range(12)]
    for index in (7, 0, 11):
        assert (dataset[index].image == index).all() and dataset[index].target == index % 3
    assert dataset.path(5) == str(shards / "s-001.tar/0005.png")


def test_one_tar_without_labels(shards: Path) -> None:
    dataset = open_dataset(str(shards / "s-001.tar"), target=Target.NONE, part="train", options=OPTIONS)
    assert len(dataset) == 4 and dataset[0].target is None and dataset.labels is None


def test_folders_of_shards_have_parts(tmp_path: Path) -> None:
    write_tar(tmp_path / "train/0.tar", {**sample(0), **sample(1), **sample(2)})
    write_tar(tmp_path / "val/0.tar", sample(1))
    dataset = open_dataset(str(tmp_path), target=Target.CLASS, part="validation", options=OPTIONS)
    assert len(dataset) == 1 and dataset.classes == ("0", "1", "2")


def test_label_maps_and_the_class_list_beside_the_shards(tmp_path: Path) -> None:
    members = {"a/1.seg.png": png(np.array([[0, 1, 2]])), "a/1.png": png(np.zeros((1, 3, 3)))}
    path = write_tar(tmp_path / "m.tar", members)
    with pytest.raises(DataError, match=r"need a classes\.txt"):
        open_dataset(str(path), target=Target.MAP, part="train", options=OPTIONS)
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    dataset = open_dataset(str(path), target=Target.MAP, part="train", options=OPTIONS)
    assert dataset[0].target.tolist() == [[0, 1, VOID]] and len(dataset.colours) == 2


def test_what_is_no_sample_is_left_alone(tmp_path: Path) -> None:
    members = {"readme.txt": b"hello", "x/.hidden.png": b"", "x/v1.big.png": png(pixels(1)), "x/v1.json": b"{}"}
    dataset = open_dataset(
        str(write_tar(tmp_path / "s.tar", members)), target=Target.NONE, part="train", options=OPTIONS
    )
    assert len(dataset) == 1 and (dataset[0].image == 1).all()


def test_a_broken_image_is_unreadable_and_the_others_are_not(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "s.tar", {"1.png": png(pixels(1))[:45], "2.png": png(pixels(2))})
    dataset = open_dataset(str(path), target=Target.NONE, part="train", options=OPTIONS)
    with pytest.raises(UnreadableImage, match=r"s\.tar/1\.png: broken image"):
        dataset[0]
    assert (dataset[1].image == 2).all()


@pytest.mark.parametrize(
    ("members", "target", "message"),
    [
        ({"1.png": b"x"}, Target.CLASS, r"no \.cls"),
        ({"1.png": b"x", "1.cls": b"cat"}, Target.CLASS, "holds 'cat'"),
        ({"1.png": b"x"}, Target.MAP, r"no \.seg\.png"),
        ({"1.png": b"x"}, Target.MULTILABEL, "no lists of classes"),
        ({"1.txt": b"x"}, Target.NONE, "no images in 1 tar"),
    ],
)
def test_samples_without_what_was_asked_for(tmp_path: Path, members, target: Target, message: str) -> None:
    path = write_tar(tmp_path / "s.tar", members)
    with pytest.raises(DataError, match=message):
        open_dataset(str(path), target=target, part="train", options=OPTIONS)


def test_tars_that_are_none(tmp_path: Path, shards: Path) -> None:
    compressed = write_tar(tmp_path / "other/s.tar.gz", sample(0), "w:gz")
    disguised = compressed.with_name("t.tar")
    disguised.write_bytes(compressed.read_bytes())
    for data, message in (
        (str(compressed), "compressed"),
        (str(compressed.parent), "compressed"),
        (str(disguised), "no readable, uncompressed tar"),
        (str(shards / "s-{000..007}.tar"), "s-003.tar does not exist"),
        (str(shards / "t-*.tar"), "no file matches"),
    ):
        with pytest.raises(DataError, match=message):
            open_dataset(data, target=Target.NONE, part="train", options=OPTIONS)


def test_a_class_beyond_the_list_is_an_error(shards: Path) -> None:
    (shards / "classes.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match="class 2, but there are only 2 classes"):
        open_dataset(str(shards), target=Target.CLASS, part="train", options=OPTIONS)


def test_the_fingerprint_follows_the_content(shards: Path) -> None:
    def fingerprint() -> str:
        return open_dataset(str(shards), target=Target.CLASS, part="train", options=OPTIONS).fingerprint()

    before = fingerprint()
    assert before == fingerprint()
    write_tar(shards / "s-003.tar", sample(12))
    assert before != fingerprint()
