"""Neighbours as one HTML file with its pictures inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
from PIL import Image

from serve.files import appears_whole
from symae.neighbours.pictures import Pictures
from symae.neighbours.query import Query
from symae.neighbours.search import Neighbour
from symae.neighbours.table import Features

__all__ = ["write_page"]

SIDE = 224  # pixels of a picture's longer side
SMALL = 64  # up to this side pixels are shown as squares, not smoothed


@dataclass(frozen=True)
class _Card:
    """One picture on the page; `score` is None for the query itself, `source` is empty where there is no picture."""

    path: str
    source: str
    tiny: bool
    score: float | None
    row: int
    size: str


def write_page(
    out: Path, features: Features, found: Sequence[tuple[Query, Sequence[Neighbour]]], *, centred: bool
) -> int:
    """Write the page, whole or not at all.

    Args:
        out: the .html file; its folder is made if need be.
        features: the table that was searched.
        found: each query with its neighbours.
        centred: whether the mean was taken off, which the page says.

    Returns:
        How many pictures could not be shown; each has a placeholder with its name.
    """
    pictures = Pictures()
    sections = [list(_cards(pictures, query, neighbours)) for query, neighbours in found]
    missing = sum(not card.source for cards in sections for card in cards)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(name=lambda path: path.rpartition("/")[2], folder=lambda path: path.rpartition("/")[0])
    text = (files("symae.neighbours") / "page.html").read_text(encoding="utf-8")
    html = environment.from_string(text).render(
        features=features, count=len(features), sections=sections, missing=missing, centred=centred
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(out) as partial:
        partial.write_text(html, encoding="utf-8")
    return missing


def _cards(pictures: Pictures, query: Query, neighbours: Sequence[Neighbour]) -> Iterator[_Card]:
    yield _card(pictures, query.path, None, query.row, "")
    for each in neighbours:
        size = f"{each.row.width} × {each.row.height}" if each.row.width else ""
        yield _card(pictures, each.row.path, each.score, each.row.number, size)


def _card(pictures: Pictures, path: str, score: float | None, row: int, size: str) -> _Card:
    picture = pictures.small(path, SIDE)
    if picture is None:
        return _Card(path, "", False, score, row, size)
    return _Card(path, _uri(picture), max(picture.size) <= SMALL, score, row, size)


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    if max(picture.size) <= SMALL:
        picture.save(buffer, kind := "PNG")
    else:
        picture.save(buffer, kind := "JPEG", quality=85)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
