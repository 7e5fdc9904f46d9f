"""Which pictures of a table of features are near to one, and where their files are."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serve.calling.results import Embeddings, ModelInfo
from symae.errors import InputError
from symae.neighbours.pictures import Pictures
from symae.neighbours.query import names_of
from symae.neighbours.search import Neighbour, mean_of, search
from symae.neighbours.table import Features
from symae.ui.compare import data_uri
from symae.ui.picture import Picture

__all__ = ["Table", "gallery"]

THUMBNAIL = 160  # longer side in pixels
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """A table of features that is searched again and again, and the pictures of its rows."""

    features: Features
    pictures: Pictures = field(default_factory=Pictures)

    @cached_property
    def mean(self) -> Floats:
        """The mean of all rows, (D,); computed at the first search."""
        return mean_of(self.features)

    def encoder(self, models: Sequence[ModelInfo]) -> ModelInfo:
        """Find the encoder that made the table among those that are served.

        Raises:
            InputError: it is not there.
        """
        origin = self.features.origin
        made = [info for info in models if origin.made_by(info)]
        if not made:
            raise InputError(
                f"the features in {self.features.path.name} were made by {origin.model} version {origin.version}, "
                "which is not served here: serve it, or make a table with the encoder that is: "
                "symae embed MODEL IMAGES --out features.parquet"
            )
        return made[0]

    def near(self, answer: Embeddings, picture: Picture, count: int, *, centred: bool) -> list[Neighbour]:
        """Find the rows nearest to a picture by cosine, without the picture itself if the table knows its path.

        Args:
            answer: what the encoder said of it, with feature maps if the table is of such.
            picture: which one.
            count: how many.
            centred: take the table's mean off all vectors first.

        Raises:
            InputError: the encoder gives other features than the table has.
        """
        origin = self.features.origin
        vector = answer.embeddings[0] if origin.output == "embedding" else answer.feature_maps[0].ravel()
        if vector.size != origin.size:
            raise InputError(
                f"{origin.model} gives {vector.size} numbers for this picture, and {self.features.path.name} has "
                f"{origin.size} in a row: make the table anew with symae embed"
            )
        own = self.features.find(names_of(str(picture.path))) if picture.path else {}
        mean = self.mean if centred else None
        return search(self.features, vector[None], count, leave_out=[*own.values(), -1][:1], mean=mean)[0]

    def small(self, path: str) -> Pixels | None:
        """Shrink the picture of a row, found where its path says from here or from beside the table; None: nowhere."""
        beside = str(self.features.path.parent / path)
        for place in (path, beside):
            if (picture := self.pictures.small(place, THUMBNAIL)) is not None:
                return np.asarray(picture)
        return None


def gallery(table: Table, neighbours: Sequence[Neighbour]) -> str:
    """Show neighbours in their order, with their cosines; those whose files are not here by their paths."""
    return f'<ol class="near">{"".join(_item(table, neighbour) for neighbour in neighbours)}</ol>'


def _item(table: Table, neighbour: Neighbour) -> str:
    path = html.escape(neighbour.row.path)
    thumbnail = table.small(neighbour.row.path)
    name = html.escape(Path(neighbour.row.path).name)
    shown = '<span class="gone">no file here</span>' if thumbnail is None else (
        f'<img src="{data_uri(thumbnail)}" alt="{name}" class="{_drawn(thumbnail)}">'
    )  # fmt: skip
    return f'<li title="{path}">{shown}<b>{neighbour.score:.3f}</b><span>{name}</span></li>'


def _drawn(pixels: Pixels) -> str:
    return "pixelated" if max(pixels.shape[:2]) < THUMBNAIL else ""
