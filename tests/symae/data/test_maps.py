from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from symae.data.dataset import VOID
from symae.data.maps import ClassList, decode_map, parse_class_list, read_class_list, voc_palette
from symae.errors import DataError

VALUES = np.array([[0, 1, 2], [3, 200, 255]], np.uint8)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "png")
    return stream.getvalue()


def test_indices_beyond_the_classes_are_void() -> None:
    found = decode_map(png(Image.fromarray(VALUES)), ClassList.numbered(3))
    assert found.tolist() == [[0, 1, 2], [VOID, VOID, VOID]]


def test_palette_and_16_bit_maps_hold_indices_not_colours() -> None:
    palette = Image.fromarray(VALUES).convert("P")
    palette.putpalette([value for colour in voc_palette(256) for value in colour])
    assert np.array_equal(decode_map(png(palette), None), VALUES)
    assert np.array_equal(decode_map(png(Image.fromarray(VALUES.astype(np.uint16))), None), VALUES)


def test_colours_are_looked_up() -> None:
    classes = ClassList(("a", "b"), ((10, 20, 30), (0, 0, 0)))
    pixels = np.array([[[10, 20, 30], [0, 0, 0], [1, 2, 3]]], np.uint8)
    assert decode_map(png(Image.fromarray(pixels)), classes).tolist() == [[0, 1, VOID]]
    with pytest.raises(OSError, match=r"classes\.txt"):
        decode_map(png(Image.fromarray(pixels)), None)


def test_the_palette_is_that_of_pascal_voc() -> None:
    assert voc_palette(16)[:5] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128))
    assert voc_palette(16)[15] == (192, 128, 128)  # person
    assert len(set(voc_palette(256))) == 256


def test_classes_have_names_and_perhaps_colours(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("sky\n\n1 2 3 traffic light\n300 0 0 odd\n")
    assert read_class_list(path) == ClassList(
        ("sky", "traffic light", "300 0 0 odd"), ((0, 0, 0), (1, 2, 3), (0, 128, 0))
    )
    path.write_text("\n")
    with pytest.raises(DataError, match="0 classes"):
        read_class_list(path)


def test_a_class_list_needs_no_file() -> None:
    assert parse_class_list(["sky", "", "1 2 3 road"], "here") == ClassList(("sky", "road"), ((0, 0, 0), (1, 2, 3)))
    with pytest.raises(DataError, match="here names 0 classes"):
        parse_class_list([], "here")
