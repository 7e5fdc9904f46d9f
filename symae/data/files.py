"""Images that lie in files of their own, with whatever labels were found for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.image import ImageError, read
from symae.data.dataset import Colour, Example, Target, UnreadableImage, digest
from symae.data.maps import ClassList, read_map
from symae.data.paths import PathList
from symae.errors import DataError

__all__ = ["ImageFiles"]


@dataclass(frozen=True)
class ImageFiles:
    """A list of image files; the labels are arrays, the label maps files.

    Attributes:
        name: what the data is called.
        channels: 3 for RGB, 1 for gray.
        paths: the N images.
        target: which of the following is given.
        classes: names of the K classes.
        colours: of each class, for label maps.
        labels: (N,) int64 class indices.
        multilabels: (N, K) uint8 of 0, 1 and VOID.
        maps: the N label maps.
    """

    name: str
    channels: int
    paths: PathList
    target: Target = Target.NONE
    classes: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    labels: NDArray[np.int64] | None = None
    multilabels: NDArray[np.uint8] | None = None
    maps: PathList | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Example:
        path = self.paths[index]
        try:
            image = read(Path(path), channels=self.channels)
        except ImageError as error:
            raise UnreadableImage(path, str(error)) from error
        if self.labels is not None:
            return Example(image, int(self.labels[index]))
        if self.multilabels is not None:
            return Example(image, self.multilabels[index])
        if self.maps is not None:
            return Example(image, self._map(index, image))
        return Example(image)

    def _map(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert self.maps is not None
        path = self.maps[index]
        try:
            found = read_map(path, ClassList(self.classes, self.colours))
        except Exception as error:  # Pillow's plugins raise whatever a broken file leads them into
            raise UnreadableImage(path, f"broken label map: {error}") from error
        if found.shape != image.shape[:2]:
            raise DataError(
                f"{self.path(index)} is {image.shape[0]} x {image.shape[1]} pixels but its label map {path} is "
                f"{found.shape[0]} x {found.shape[1]}: make the two the same size"
            )
        return found

    def path(self, index: int) -> str:
        """Return the image's path."""
        return self.paths[index]

    def fingerprint(self) -> str:
        """Hash the names and sizes of all files, and the labels."""
        kept: list[NDArray[Any]] = [self.paths.buffer, self.paths.ends, self.paths.sizes()]
        if self.maps is not None:
            kept += [self.maps.buffer, self.maps.sizes()]
        kept += [labels for labels in (self.labels, self.multilabels) if labels is not None]
        return digest([*self.classes, *(array.tobytes() for array in kept)])
