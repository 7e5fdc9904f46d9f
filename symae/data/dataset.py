"""What every source of images looks like to the rest of symae.

A data set is a sequence of examples at their own sizes. It decodes one example when asked for it and
knows nothing of crops, batches or devices: that is the pipeline's work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "VOID",
    "Colour",
    "DataOptions",
    "Dataset",
    "Example",
    "Part",
    "Subset",
    "Target",
    "UnreadableImage",
    "digest",
    "spread",
]

VOID = 255  # in label maps: a pixel of no class; in multi-label vectors: a class that is not counted

Part = Literal["train", "validation", "test"]
Colour = tuple[int, int, int]


class Target(StrEnum):
    """What an example carries beside its image."""

    NONE = "none"
    CLASS = "class"
    MULTILABEL = "multilabel"
    MAP = "map"


class UnreadableImage(Exception):  # noqa: N818 - it names what was found; the pipeline notes it and goes on
    """One example's file is missing, truncated, or no image; the others may be fine."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.path}: {self.cause}"


@dataclass(frozen=True)
class Example:
    """One image with what is known of it.

    Attributes:
        image: (H, W, C) uint8 in [0, 255].
        target: a class index | (K,) uint8 of 0 and 1, VOID where the class is not counted |
            (H, W) uint8 label map, VOID where the pixel is of no class | None.
    """

    image: NDArray[np.uint8]
    target: int | NDArray[np.uint8] | None = None


class Dataset(Protocol):
    """A sequence of examples; cheap to send to a worker process."""

    @property
    def name(self) -> str:
        """What the data is called in messages and reports."""

    @property
    def target(self) -> Target:
        """What each example's target is."""

    @property
    def channels(self) -> int:
        """3 for RGB, 1 for gray."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their indices; empty without labels."""

    @property
    def colours(self) -> tuple[Colour, ...]:
        """How each class of a label map is drawn, in [0, 255]; empty for other targets."""

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,) class index of every example, known without decoding; None unless the target is CLASS."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example:
        """Decode one example.

        Raises:
            UnreadableImage: its file cannot be read.
        """

    def path(self, index: int) -> str:
        """Where an example comes from, for messages and tables."""

    def fingerprint(self) -> str:
        """Hash names and sizes (files) or seed and version (built-in data); pixels are not read."""


@dataclass(frozen=True)
class DataOptions:
    """Which images are taken, and how.

    Attributes:
        channels: 3 for RGB, 1 for gray.
        validation: fraction of the training part that is held out, in [0, 1); without effect where the
            data has a validation part of its own.
        labels: number of labelled examples of the training part, balanced over the classes, drawn after
            the hold-out; None for all.
        fold: one of STL-10's ten folds of 1,000 labelled images, 0 to 9; None for all 5,000.
        only_classes: names of the classes whose images are taken, of all parts; empty for all images.
        classes: the classes of label maps, lines as of classes.txt, for a folder that has no such file.
        seed: of the hold-out and of `labels`; the built-in data itself is the same for every seed.
        root: where TorchVision's data sets are looked for and downloaded to.
    """

    channels: int = 3
    validation: float = 0.0
    labels: int | None = None
    fold: int | None = None
    only_classes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    seed: int = 0
    root: Path = field(default_factory=lambda: Path.home() / ".cache" / "symae" / "datasets")


@dataclass(frozen=True)
class Subset:
    """Some examples of a data set, in the order of `indices`."""

    whole: Dataset
    indices: NDArray[np.int64]

    @property
    def name(self) -> str:  # noqa: D102 - documented by the protocol
        return self.whole.name

    @property
    def target(self) -> Target:  # noqa: D102
        return self.whole.target

    @property
    def channels(self) -> int:  # noqa: D102
        return self.whole.channels

    @property
    def classes(self) -> tuple[str, ...]:  # noqa: D102
        return self.whole.classes

    @property
    def colours(self) -> tuple[Colour, ...]:  # noqa: D102
        return self.whole.colours

    @property
    def labels(self) -> NDArray[np.int64] | None:  # noqa: D102
        labels = self.whole.labels
        return None if labels is None else labels[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Example:
        return self.whole[int(self.indices[index])]

    def path(self, index: int) -> str:  # noqa: D102
        return self.whole.path(int(self.indices[index]))

    def fingerprint(self) -> str:  # noqa: D102
        return digest([self.whole.fingerprint(), self.indices.tobytes()])


def spread(dataset: Dataset, count: int) -> Dataset:
    """Take at most `count` examples, evenly spread over a data set; the first and the last are among them."""
    if len(dataset) <= count:
        return dataset
    return Subset(dataset, np.linspace(0, len(dataset) - 1, count).astype(np.int64))


def digest(parts: Iterable[str | int | bytes]) -> str:
    """Hash a sequence of values into 16 hexadecimal digits."""
    state = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogateescape")
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()
