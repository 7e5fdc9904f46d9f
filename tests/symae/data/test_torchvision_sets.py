from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from symae.data import DataOptions, Target, open_dataset
from symae.errors import DataError

EACH = 6  # images in each of CIFAR's files


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 as it lies on disk, with six images a file."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        data = np.random.default_rng(number).integers(0, 256, (EACH, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": data, "labels": [i % 10 for i in range(EACH)]}))
    meta = {"label_names": [f"c{i}" for i in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta))
    sums = [[name, md5(folder / name)] for name in names]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", sums[5:])
    entry = {"filename": "batches.meta", "key": "label_names", "md5": md5(folder / "batches.meta")}
    monkeypatch.setattr(datasets.CIFAR10, "meta", entry)
    return tmp_path


@pytest.fixture
def stl10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """STL-10 as it lies on disk: 20 labelled images in ten folds of two, 5 unlabelled, 4 to test."""
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for name, count in (("train", 20), ("unlabeled", 5), ("test", 4)):
        images = np.random.default_rng(count).integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)
        (folder / f"{name}_X.bin").write_bytes(images.tobytes())
        (folder / f"{name}_y.bin").write_bytes(bytes(i % 10 + 1 for i in range(count)))
    (folder / "unlabeled_y.bin").unlink()
    (folder / "class_names.txt").write_text("\n".join(f"c{i}" for i in range(10)))
    (folder / "fold_indices.txt").write_text("\n".join(f"{2 * i} {2 * i + 1}" for i in range(10)))
    for attribute in ("train_list", "test_list"):
        listed = [[name, md5(folder / name)] for name, _ in getattr(datasets.STL10, attribute)]
        monkeypatch.setattr(datasets.STL10, attribute, listed)
    return tmp_path


@pytest.mark.parametrize("below", ["", "cifar-10-batches-py"])
def test_cifar_is_recognised_in_a_folder(cifar10: Path, below: str) -> None:
    for part, count in (("train", 5 * EACH), ("test", EACH)):
        dataset = open_dataset(str(cifar10 / below), target=Target.CLASS, part=part, options=DataOptions())
        assert len(dataset) == count and len(dataset.classes) == 10
        assert dataset[3].image.shape == (32, 32, 3) and dataset[3].target == 3


def test_cifar_is_found_by_name_with_a_hold_out(cifar10: Path) -> None:
    options = DataOptions(root=cifar10, validation=0.2, channels=1)
    train = open_dataset("cifar10", target=Target.NONE, part="train", options=options)
    held = open_dataset("cifar10", target=Target.NONE, part="validation", options=options)
    assert (len(train), len(held)) == (24, 6)
    assert held[0].image.shape == (32, 32, 1) and held[0].target is None


def test_a_cifar_image_keeps_rows_columns_and_channels(cifar10: Path) -> None:
    flat = np.random.default_rng(0).integers(0, 256, (EACH, 3072), dtype=np.uint8)[2]
    dataset = open_dataset(str(cifar10), target=Target.CLASS, part="train", options=DataOptions())
    assert np.array_equal(dataset[2].image, flat.reshape(3, 32, 32).transpose(1, 2, 0))


def test_stl10_has_unlabelled_images_folds_and_a_test_part(stl10: Path) -> None:
    def opened(target: Target, part: str, fold: int | None = None):
        return open_dataset(str(stl10), target=target, part=part, options=DataOptions(fold=fold))

    assert len(opened(Target.NONE, "train")) == 5  # the unlabelled ones alone
    assert len(opened(Target.CLASS, "train")) == 20
    assert len(opened(Target.CLASS, "test", fold=3)) == 4
    fold = opened(Target.CLASS, "train", fold=3)
    assert fold.labels.tolist() == [6, 7]
    assert np.array_equal(fold[0].image, opened(Target.CLASS, "train")[6].image)


def test_folds_out_of_range_or_of_others(stl10: Path) -> None:
    with pytest.raises(DataError, match="expected 0 to 9"):
        open_dataset(str(stl10), target=Target.CLASS, part="train", options=DataOptions(fold=10))
    with pytest.raises(DataError, match="only STL-10"):
        open_dataset("photos", target=Target.NONE, part="train", options=DataOptions(fold=0))


def test_no_label_maps_in_cifar(cifar10: Path) -> None:
    with pytest.raises(DataError, match="it has none and class"):
        open_dataset(str(cifar10), target=Target.MAP, part="train", options=DataOptions())


def test_a_damaged_folder_is_not_overwritten_by_a_download(cifar10: Path) -> None:
    (cifar10 / "cifar-10-batches-py/data_batch_2").write_bytes(b"")
    with pytest.raises(DataError, match="incomplete or damaged"):
        open_dataset(str(cifar10), target=Target.CLASS, part="train", options=DataOptions())


def test_an_absent_set_is_downloaded_and_a_failure_is_one_line(tmp_path: Path, monkeypatch) -> None:
    asked = []

    def refuse(url: str, *args, **kwargs) -> None:
        asked.append(url)
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", refuse)
    with pytest.raises(DataError, match="could not be downloaded \\(no network\\)"):
        open_dataset("cifar100", target=Target.CLASS, part="train", options=DataOptions(root=tmp_path / "new"))
    assert len(asked) == 1
