"""The images whose neighbours are wanted: rows of the table, or files that its encoder embeds now."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serve.paths import printable
from symae.errors import DataError
from symae.neighbours.table import Features, Origin

__all__ = ["Query", "find_queries", "names_of"]

Vectors = NDArray[np.float32]
Encode = Callable[[Origin, Sequence[Path]], Vectors]


@dataclass(frozen=True, eq=False)
class Query:
    """An image by its printable path, its features (D,) float32, and its row in the table; -1: it is in none."""

    path: str
    vector: Vectors
    row: int


def find_queries(features: Features, images: Sequence[str], encode: Encode) -> list[Query]:
    """Look images up in the table, and embed those that are not there.

    Args:
        features: the table.
        images: a path as it stands in the table, or that of the same file seen from here; or any image file.
        encode: embeds the others, all at once; it is not called where there are none.

    Raises:
        DataError: an image is neither a row nor a file, or its row has no features.
    """
    names = {image: names_of(image) for image in images}
    known = features.find({name for each in names.values() for name in each})
    rows = [next((known[name] for name in names[image] if name in known), -1) for image in images]
    vectors = np.empty((len(images), features.origin.size), np.float32)
    inside = [at for at, row in enumerate(rows) if row >= 0]
    outside = [at for at, row in enumerate(rows) if row < 0]
    for at in outside:
        if not Path(images[at]).is_file():
            raise DataError(
                f"{printable(images[at])} is neither a row of {features.path} nor an image file: give one of these"
            )
    vectors[inside] = features.vectors([rows[at] for at in inside])
    for at in inside:
        if np.isnan(vectors[at, 0]):
            raise DataError(
                f"{printable(images[at])} has no features in {features.path}: it could not be read when "
                "that was written"
            )
    if outside:
        vectors[outside] = encode(features.origin, [Path(images[at]) for at in outside])
    return [Query(printable(image), vector, row) for image, vector, row in zip(images, vectors, rows, strict=True)]


def names_of(image: str) -> list[str]:
    """Under which names `symae embed` may have written the image, started here or elsewhere."""
    path = Path(os.path.normpath(image))
    absolute = path.absolute()
    here = [str(absolute.relative_to(Path.cwd()))] if absolute.is_relative_to(Path.cwd()) else []
    return list(dict.fromkeys(map(printable, (image, str(path), *here, str(absolute)))))
