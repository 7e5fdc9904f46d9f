"""How label maps are read and drawn."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.image import MAX_PIXELS
from symae.data.dataset import VOID, Colour
from symae.errors import DataError

__all__ = ["ClassList", "decode_map", "parse_class_list", "read_class_list", "read_map", "voc_palette"]


@dataclass(frozen=True)
class ClassList:
    """The classes of label maps, with the colour of each."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    @classmethod
    def numbered(cls, count: int) -> ClassList:
        """Make names for classes of which only the number is known."""
        return cls(tuple(f"class {i}" for i in range(count)), voc_palette(count))


def voc_palette(count: int) -> tuple[Colour, ...]:
    """Return the first colours of Pascal VOC's palette: the bits of the index, dealt to R, G, B in turn."""
    return tuple(_voc_colour(index) for index in range(count))


def _voc_colour(index: int) -> Colour:
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= ((index >> (3 * place + channel)) & 1) << (7 - place)
    return channels[0], channels[1], channels[2]


def read_class_list(path: Path) -> ClassList:
    """Read `classes.txt`; see `parse_class_list`."""
    return parse_class_list(path.read_text("utf-8").splitlines(), str(path))


def parse_class_list(lines: Iterable[str], source: str) -> ClassList:
    """Read the classes of label maps in the order of their values, each either "name" or "r g b name".

    Args:
        lines: a class each; empty ones are passed over.
        source: where they come from, for messages.

    Raises:
        DataError: no class among them, or more than the 255 that fit beside VOID in 8 bits.
    """
    given = [line.strip() for line in lines if line.strip()]
    if not 0 < len(given) <= VOID:
        raise DataError(f"{source} names {len(given)} classes; expected 1 to {VOID}, one a line")
    palette = voc_palette(len(given))
    named = [_parse(line, colour) for line, colour in zip(given, palette, strict=True)]
    return ClassList(tuple(name for name, _ in named), tuple(colour for _, colour in named))


def _parse(line: str, default: Colour) -> tuple[str, Colour]:
    words = line.split(maxsplit=3)
    if len(words) == 4 and all(word.isdigit() and int(word) < 256 for word in words[:3]):
        return words[3], (int(words[0]), int(words[1]), int(words[2]))
    return line, default


def decode_map(data: bytes, classes: ClassList | None) -> NDArray[np.uint8]:
    """Decode a label map: gray or palette images hold class indices, colour images the classes' colours.

    Args:
        data: one encoded image (PNG as a rule).
        classes: what the indices mean; any index or colour that is not of a class becomes VOID. Without
            it, indices are returned as they are.

    Returns:
        (H, W) uint8.

    Raises:
        OSError: the bytes are no image, or a colour image where `classes` is None.
    """
    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise OSError(f"the label map has more than {MAX_PIXELS} pixels")
        if image.mode in ("RGB", "RGBA"):
            if classes is None:
                raise OSError("a label map in colours needs classes.txt with lines of 'r g b name'")
            return _indices_of(np.asarray(image.convert("RGB")), classes.colours)
        indices = np.asarray(image, np.int64)
    count = VOID if classes is None else len(classes.names)
    return np.where((indices >= 0) & (indices < count), indices, VOID).astype(np.uint8)


def _indices_of(pixels: NDArray[np.uint8], colours: tuple[Colour, ...]) -> NDArray[np.uint8]:
    codes = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    indices = np.full(codes.shape, VOID, np.uint8)
    for index, (red, green, blue) in enumerate(colours):
        indices[codes == (red << 16 | green << 8 | blue)] = index
    return indices


def read_map(path: str | os.PathLike[str], classes: ClassList | None) -> NDArray[np.uint8]:
    """Read a label map's file; see `decode_map`."""
    return decode_map(Path(path).read_bytes(), classes)
