"""Strips of pictures as a page shows them: inside it, each pixel enlarged to a whole number of the screen's."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from symae.runpage.strip import FOLDER, Strip, StripRow

__all__ = ["ShownRow", "data_uri", "shown_rows"]

WIDEST, SIDE = 1020, 240  # pixels of the screen that a strip and a picture may have


@dataclass(frozen=True)
class ShownRow:
    """A strip on a page.

    Attributes:
        label: what it is.
        uri: of the PNG, as data; empty where there are words alone.
        width: in pixels of the screen.
        columns: how many pictures; `words` has one for each, or none.
        gap: between two of them, in per cent of the width.
    """

    label: str
    uri: str
    width: int
    columns: int
    gap: float
    words: tuple[str, ...]


def shown_rows(run: Path, strip: Strip) -> tuple[ShownRow, ...]:
    """Prepare all strips of a run."""
    words = {"given": "given map"}
    labels = (f"after epoch {row.epoch}" if row.epoch else words.get(row.name, row.name) for row in strip.rows)
    return tuple(shown_row(run, strip, row, label) for row, label in zip(strip.rows, labels, strict=True))


def shown_row(run: Path, strip: Strip, row: StripRow, label: str) -> ShownRow:
    """Prepare one strip."""
    width, side = strip.size[0], strip.side
    gap = 100 * (width - strip.pictures * side) / max(1, strip.pictures - 1) / width
    uri = data_uri(run / FOLDER / row.file) if row.file else ""
    return ShownRow(label, uri, width * max(1, min(WIDEST // width, int(SIDE / side))), strip.pictures, gap, row.words)


def data_uri(file: Path) -> str:
    """A PNG as the address of itself."""
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
