"""Pictures beside and below each other, with words: what previews and figures are drawn with.

A sheet is printed at the width of a page sooner or later, so its letters grow with it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

__all__ = ["Cell", "Pixels", "Row", "Words", "draw_sheet", "shown_size", "to_pixels"]

SMALLEST = 128  # shorter side in pixels that small pictures are enlarged to
LARGEST = 512  # longer side that large ones are reduced to, where nothing else is asked for
NARROWEST = 96  # width of a column: room for a few words
LETTERS = 13  # height in pixels of the smallest letters
PAGE = 90  # heights of a letter that a sheet is wide: 6 points on a page of 7 inches
GAP = 6
MARGIN = 16

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Words:
    """One line below a picture; what is too long for its column is cut."""

    text: str
    colour: str = "black"


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture (H, W, 3) uint8, drawn as it is, with lines below it."""

    picture: Pixels
    words: tuple[Words, ...] = ()


@dataclass(frozen=True, eq=False)
class Row:
    """Pictures beside each other.

    Attributes:
        cells: one a column; pictures stand on one line.
        label: what they are, at the left; may have several lines.
        key: (h, w, 3) uint8 drawn below the label, as a scale of colours; None: none.
        apart: leave room above, as before another group of rows.
    """

    cells: tuple[Cell, ...]
    label: str = ""
    key: Pixels | None = None
    apart: bool = False


def to_pixels(image: Tensor, size: tuple[int, int] | None = None) -> Pixels:
    """Turn an image into pixels to be shown.

    Args:
        image: (C, H, W) float in [0, 1], clamped, with C 1 or 3; on any device.
        size: (height, width) to be brought to: enlarged pixel by pixel, reduced smoothly; None: `shown_size`.

    Returns:
        (H, W, 3) uint8.
    """
    levels = (image.detach().cpu().float().clamp(0, 1) * 255).round().byte()
    picture = Image.fromarray(np.ascontiguousarray(levels.expand(3, -1, -1).permute(1, 2, 0).numpy()))
    height, width = size or shown_size(picture.height, picture.width)
    smooth = width < picture.width or height < picture.height
    rule = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return np.asarray(picture.resize((width, height), rule))


def shown_size(height: int, width: int, largest: int = LARGEST) -> tuple[int, int]:
    """Size that a picture is shown at: a whole multiple of a small one, the longer side at most `largest`."""
    longer = max(height, width)
    if longer > largest:
        return max(1, round(height * largest / longer)), max(1, round(width * largest / longer))
    factor = max(1, min(-(-SMALLEST // min(height, width)), largest // longer))
    return height * factor, width * factor


def draw_sheet(rows: Sequence[Row], footer: str = "") -> Image.Image:
    """Draw rows of pictures, their labels at the left, and a paragraph below all; on white."""
    widths = _column_widths(rows)
    labelled = any(row.label for row in rows)
    content = sum(widths) + GAP * (len(widths) - 1)
    font = _font(max(LETTERS, round((content + 2 * MARGIN) / PAGE)))
    label = max((_text_width(row.label, font) for row in rows), default=0) + 2 * GAP if labelled else 0
    lines = _wrapped(footer, font, label + content)
    heights = [_row_height(row, font) for row in rows]
    below = len(lines) * _leading(font) + 2 * GAP if lines else 0
    sheet = Image.new("RGB", (label + content + 2 * MARGIN, sum(heights) + below + 2 * MARGIN), "white")
    draw, top = ImageDraw.Draw(sheet), MARGIN
    for row, height in zip(rows, heights, strict=True):
        _draw_row(sheet, row, (MARGIN, MARGIN + label, top), widths, font)
        top += height
    draw.multiline_text((MARGIN, top + GAP), "\n".join(lines), "black", font, spacing=_leading(font) - font.size)
    return sheet


def _draw_row(
    sheet: Image.Image, row: Row, at: tuple[int, int, int], widths: list[int], font: ImageFont.FreeTypeFont
) -> None:
    draw, (far_left, left, top) = ImageDraw.Draw(sheet), at
    top += _room_above(row, font)
    tall = max(cell.picture.shape[0] for cell in row.cells)
    _draw_label(sheet, row, (far_left, top + tall // 2), font)
    for cell, width in zip(row.cells, widths, strict=False):
        height, wide = cell.picture.shape[:2]
        sheet.paste(Image.fromarray(cell.picture), (left + (width - wide) // 2, top + tall - height))
        for number, words in enumerate(cell.words):
            place = (left + width // 2, top + tall + 2 + number * _leading(font))
            draw.text(place, _shortened(words.text, font, width), words.colour, font, anchor="ma")
        left += width + GAP


def _draw_label(sheet: Image.Image, row: Row, at: tuple[int, int], font: ImageFont.FreeTypeFont) -> None:
    """Centre the label, with the key below it, on the height of `at`."""
    draw, lines = ImageDraw.Draw(sheet), row.label.splitlines()
    key = 0 if row.key is None else row.key.shape[0] + GAP
    top = at[1] - (len(lines) * _leading(font) + key) // 2
    for number, line in enumerate(lines):
        draw.text((at[0], top + number * _leading(font)), line, "black", font)
    if row.key is not None:
        sheet.paste(Image.fromarray(row.key), (at[0], top + len(lines) * _leading(font) + GAP // 2))


def _column_widths(rows: Sequence[Row]) -> list[int]:
    columns = max(len(row.cells) for row in rows)
    cells = [[row.cells[column] for row in rows if column < len(row.cells)] for column in range(columns)]
    return [max(NARROWEST, *(cell.picture.shape[1] for cell in column)) for column in cells]


def _row_height(row: Row, font: ImageFont.FreeTypeFont) -> int:
    pictures: int = max(cell.picture.shape[0] for cell in row.cells)
    lines = max(len(cell.words) for cell in row.cells)
    return _room_above(row, font) + pictures + lines * _leading(font) + GAP


def _room_above(row: Row, font: ImageFont.FreeTypeFont) -> int:
    return _leading(font) if row.apart else 0


def _leading(font: ImageFont.FreeTypeFont) -> int:
    return round(1.35 * float(font.size))


def _text_width(text: str, font: ImageFont.FreeTypeFont) -> int:
    return max((int(font.getlength(line)) + 1 for line in text.splitlines()), default=0)


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while len(text) > 1 and font.getlength(text) > width:
        text = text.rstrip("…")[:-1] + "…"
    return text


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    return textwrap.wrap(text, max(10, int(width / font.getlength("e" * 9 + " ") * 10)))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The letters that come with Matplotlib, which know the scripts of Europe and Greek."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
