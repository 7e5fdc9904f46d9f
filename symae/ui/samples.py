"""Pictures at a click: photographs that come with scikit-image and scikit-learn, and a folder of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from serve.paths import is_image, walk
from symae.errors import DataError
from symae.ui.picture import Picture, open_picture

__all__ = ["Sample", "samples_of"]

# Without torch, which symae.data.photos loads. The first three are held out from what the shipped model and the
# demo's were trained on.
PHOTOS = (
    ("cat", "skimage", "data/chelsea.png"),
    ("temple", "sklearn", "datasets/images/china.jpg"),
    ("camera", "skimage", "data/camera.png"),
    ("astronaut", "skimage", "data/astronaut.png"),
    ("coffee", "skimage", "data/coffee.png"),
    ("rocket", "skimage", "data/rocket.jpg"),
)
OWN = 6  # pictures of a folder


@dataclass(frozen=True)
class Sample:
    """A picture that can be had at a click.

    Attributes:
        name: as the page shows it.
        path: where it lies.
        own: it is one of the folder, which a table of features may name.
    """

    name: str
    path: Path
    own: bool = False

    def open(self) -> Picture:
        """Read it."""
        return open_picture(self.path, self.path.name if self.own else self.name, known=self.own)


def samples_of(folder: Path | None) -> tuple[Sample, ...]:
    """List what there is: the photographs whose packages are installed, and some pictures of a folder, spread over it.

    Raises:
        DataError: the folder is missing, or has no picture.
    """
    return (*_photos(), *_own(folder))


def _own(folder: Path | None) -> list[Sample]:
    if folder is None:
        return []
    names = sorted(walk(str(folder), is_image)) if folder.is_dir() else []
    if not names:
        raise DataError(f"no picture in {folder}: give --samples a folder with pictures")
    chosen = np.unique(np.linspace(0, len(names) - 1, OWN).astype(int))
    return [Sample(Path(names[index]).stem, folder / names[index], own=True) for index in chosen]


def _photos() -> list[Sample]:
    found = []
    for name, package, place in PHOTOS:
        try:
            path = Path(str(files(package))) / place
        except ModuleNotFoundError:
            continue
        if path.is_file():
            found.append(Sample(name, path))
    return found
