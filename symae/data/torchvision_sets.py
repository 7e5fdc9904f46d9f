"""CIFAR-10, CIFAR-100 and STL-10, found, downloaded and read by TorchVision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from symae.data.dataset import Colour, DataOptions, Dataset, Example, Target, digest
from symae.data.parts import Parts
from symae.errors import DataError

__all__ = ["ImageArray", "Place", "cifar_parts", "fetch", "stl10_parts"]

STL10_FOLDS = 10
STL10_CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


@dataclass(frozen=True)
class Place:
    """Where a TorchVision data set lies, and whether it may be downloaded to there."""

    root: Path
    download: bool


@dataclass(frozen=True)
class ImageArray:
    """Images of one size that are in memory already.

    Attributes:
        name: what the data is called.
        channels: 3 for RGB, 1 for gray.
        images: (N, H, W, 3) uint8, of any memory layout.
        target: NONE or CLASS.
        classes: names of the classes.
        labels: (N,) class indices.
    """

    name: str
    channels: int
    images: NDArray[np.uint8]
    target: Target = Target.NONE
    classes: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None
    colours: tuple[Colour, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Example:
        image = np.ascontiguousarray(self.images[index])
        if self.channels == 1:
            image = np.array(Image.fromarray(image).convert("L"))[:, :, None]
        return Example(image, None if self.labels is None else int(self.labels[index]))

    def path(self, index: int) -> str:
        """Return the set's name and the image's number."""
        return f"{self.name}/{index}"

    def fingerprint(self) -> str:
        """Hash the name, the sizes and the labels; TorchVision has checked the files' own sums."""
        return digest([self.name, *self.images.shape, b"" if self.labels is None else self.labels.tobytes()])


def cifar_parts(name: str, place: Place, target: Target, options: DataOptions) -> Parts:
    """Prepare CIFAR-10 or CIFAR-100 (the hundred fine classes): 50,000 images to train, 10,000 to test."""
    _require(name, target, (Target.NONE, Target.CLASS))

    def opened(train: bool) -> Dataset:
        from torchvision import datasets

        found = fetch(datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100, name, place, train=train)
        labels = np.array(found.targets, np.int64)
        return _array(
            f"{name}-{'train' if train else 'test'}", options, found.data, target, tuple(found.classes), labels
        )

    return {"train": lambda: opened(True), "test": lambda: opened(False)}


def stl10_parts(name: str, place: Place, target: Target, options: DataOptions) -> Parts:
    """Prepare STL-10: without labels its 100,000 unlabelled images, with classes 5,000 (or a fold's 1,000) and 8,000.

    Raises:
        DataError: the fold is not one of the ten.
    """
    _require(name, target, (Target.NONE, Target.CLASS))
    if options.fold is not None and options.fold not in range(STL10_FOLDS):
        raise DataError(f"fold={options.fold} is not one of STL-10's: expected 0 to {STL10_FOLDS - 1}")

    def opened(split: str) -> Dataset:
        from torchvision import datasets

        folds = options.fold if split == "train" else None
        found = fetch(datasets.STL10, name, place, split=split, folds=folds)
        images = found.data.transpose(0, 2, 3, 1)  # (N, 96, 96, 3), a view
        classes = tuple(getattr(found, "classes", STL10_CLASSES))
        return _array(f"{name}-{split}", options, images, target, classes, found.labels.astype(np.int64))

    train = "train" if target is Target.CLASS else "unlabeled"  # never with the labelled ones: its protocol
    return {"train": lambda: opened(train), "test": lambda: opened("test")}


def fetch(kind: Callable[..., Any], name: str, place: Place, **choice: Any) -> Any:
    """Open a TorchVision data set, downloading it where that is allowed and it is absent.

    Raises:
        DataError: it is neither complete on disk nor can it be downloaded.
    """
    try:
        return kind(place.root, **choice)
    except (RuntimeError, OSError) as error:  # absent, incomplete or damaged: TorchVision says so in several ways
        if not place.download:
            raise DataError(f"{name} in {place.root} is incomplete or damaged ({error}): fetch it again") from error
    try:
        place.root.mkdir(parents=True, exist_ok=True)
        return kind(place.root, **choice, download=True)
    except (RuntimeError, OSError) as error:
        raise DataError(
            f"{name} is not complete in {place.root} and could not be downloaded ({error}): "
            "put it there yourself, or name a folder that has it"
        ) from error


def _array(
    name: str,
    options: DataOptions,
    images: NDArray[np.uint8],
    target: Target,
    classes: tuple[str, ...],
    labels: NDArray[np.int64],
) -> Dataset:
    if target is Target.NONE:
        return ImageArray(name, options.channels, images)
    return ImageArray(name, options.channels, images, target, classes, labels)


def _require(name: str, target: Target, known: tuple[Target, ...]) -> None:
    if target not in known:
        raise DataError(f"{name} has no labels of the kind {target.value!r}: it has {' and '.join(known)}")
