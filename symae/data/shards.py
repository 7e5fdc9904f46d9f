"""Tar shards as WebDataset writes them, read as a data set with random access.

A tar is read once for an index of offsets, with the standard library; after that, an image is one read at
its offset. So shards shuffle exactly and resume anywhere, as single files do, where a streaming reader
shuffles in a buffer, and no further package is needed. The price is that tars must not be compressed,
which for images gains nothing anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.image import ImageError, decode
from symae.data.dataset import Colour, Example, Target, UnreadableImage, digest
from symae.data.maps import ClassList, decode_map
from symae.data.paths import PathList
from symae.data.tar_index import index_tar
from symae.errors import DataError

__all__ = ["TarShards"]


@dataclass(frozen=True)
class TarShards:
    """The samples of some tar files.

    Attributes:
        name: what the data is called.
        channels: 3 for RGB, 1 for gray.
        target: NONE, CLASS or MAP.
        classes: names of the classes.
        colours: of each class, for label maps.
        shards: the tar files.
        names: (N,) the images' names in their tars.
        shard: (N,) which tar each lies in.
        images: (N, 2) offset and size of each image.
        maps: (N, 2) offset and size of each label map.
        labels: (N,) class indices.
    """

    name: str
    channels: int
    target: Target
    classes: tuple[str, ...]
    colours: tuple[Colour, ...]
    shards: tuple[str, ...]
    names: PathList
    shard: NDArray[np.int32]
    images: NDArray[np.int64]
    maps: NDArray[np.int64]
    labels: NDArray[np.int64] | None

    @classmethod
    def open(
        cls,
        shards: list[Path],
        name: str,
        target: Target,
        channels: int,
        listed: ClassList | None,
        lead: list[Path] | None = None,
    ) -> TarShards:
        """Index some tar files.

        Args:
            shards: the tar files.
            name: what the data is called.
            target: NONE, CLASS (from .cls) or MAP (from .seg.png).
            channels: 3 for RGB, 1 for gray.
            listed: the classes, where classes.txt tells them.
            lead: the training part's shards, which fix the number of classes otherwise.

        Raises:
            DataError: a tar is compressed, broken or without images, or samples lack the target.
        """
        if target is Target.MULTILABEL:
            raise DataError(f"{name}: shards hold no lists of classes; use a folder with labels.csv")
        found = [(number, *sample) for number, path in enumerate(shards) for sample in index_tar(path, target)]
        if not found:
            raise DataError(f"{name}: no images in {len(shards)} tar files; expected samples such as 0001.jpg")
        numbers, names, images, maps, labels = zip(*found, strict=True)
        known = listed or _numbered(name, target, labels, shards, shards if lead is None else lead)
        if target is Target.CLASS:
            _within(name, known, max(labels))
        return cls(
            name,
            channels,
            target,
            known.names,
            known.colours if target is Target.MAP else (),
            tuple(map(str, shards)),
            PathList.of("", names),
            np.array(numbers, np.int32),
            np.array(images, np.int64),
            np.array(maps, np.int64),
            np.array(labels, np.int64) if target is Target.CLASS else None,
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Example:
        try:
            image = decode(self._bytes(index, self.images), channels=self.channels)
            if self.target is Target.MAP:
                data = self._bytes(index, self.maps)
                return Example(image, self._map(index, data, image.shape))
        except (ImageError, OSError) as error:
            raise UnreadableImage(self.path(index), str(error)) from error
        return Example(image, None if self.labels is None else int(self.labels[index]))

    def _bytes(self, index: int, places: NDArray[np.int64]) -> bytes:
        offset, size = places[index].tolist()
        with open(self.shards[self.shard[index]], "rb") as stream:  # noqa: PTH123 - opened for every image
            stream.seek(offset)
            return stream.read(size)

    def _map(self, index: int, data: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        found = decode_map(data, ClassList(self.classes, self.colours))
        if found.shape != shape[:2]:
            raise DataError(
                f"{self.path(index)} is {shape[0]} x {shape[1]} pixels but its label map is "
                f"{found.shape[0]} x {found.shape[1]}: make the two the same size"
            )
        return found

    def path(self, index: int) -> str:
        """Return the tar's path and the image's name in it."""
        return f"{self.shards[self.shard[index]]}/{self.names.relative(index)}"

    def fingerprint(self) -> str:
        """Hash the names, places and labels of all samples."""
        kept: list[NDArray[Any]] = [self.names.buffer, self.names.ends, self.images, self.maps]
        kept += [] if self.labels is None else [self.labels]
        return digest([*self.classes, *(array.tobytes() for array in kept)])


def _numbered(name: str, target: Target, labels: tuple[int, ...], shards: list[Path], lead: list[Path]) -> ClassList:
    if target is Target.NONE:
        return ClassList((), ())
    if target is Target.MAP:
        raise DataError(f"{name}: label maps in shards need a classes.txt beside them, a class name a line")
    if lead != shards:
        labels = tuple(sample.label for path in lead for sample in index_tar(path, target))
    return ClassList(tuple(str(index) for index in range(max(labels, default=-1) + 1)), ())


def _within(name: str, known: ClassList, highest: int) -> None:
    if highest >= len(known.names):
        raise DataError(f"{name}: a sample is of class {highest}, but there are only {len(known.names)} classes")
