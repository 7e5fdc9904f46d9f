import json
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from symae.preview import Look
from symae.runpage.strip import FOLDER, MOST_EPOCHS, Origin, add, drop_after, kept_epochs, read_strip


def seen(side=8, count=2):
    clean = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    return Look({"clean": clean}, {"restored": clean / 2}, said=("1 dB",) * count)


@settings(deadline=None)
@given(st.integers(1, 5000))
def test_the_first_and_the_last_epoch_are_looked_at_and_not_too_many(epochs):
    kept = kept_epochs(epochs)
    assert {1, epochs} <= kept <= set(range(1, epochs + 1))
    assert len(kept) <= MOST_EPOCHS


def test_of_too_many_the_most_crowded_go_and_their_files_too(tmp_path):
    for epoch in (1, 2, 3, 4, 5, 6, 7, 8, 16, 32):
        add(tmp_path, seen(), epoch, Origin(True))
    strip = read_strip(tmp_path)
    assert len(strip.epochs) == MOST_EPOCHS
    assert {1, 2, 16, 32} <= set(strip.epochs)
    names = {row.file for row in strip.rows} | {"strip.json"}
    assert {file.name for file in (tmp_path / FOLDER).iterdir()} == names


def test_epochs_that_are_run_again_are_forgotten(tmp_path):
    drop_after(tmp_path, 3)
    for epoch in (1, 2, 4):
        add(tmp_path, seen(), epoch, Origin(False))
    drop_after(tmp_path, 2)
    assert read_strip(tmp_path).epochs == (1, 2)
    add(tmp_path, seen(), 2, Origin(False))
    assert read_strip(tmp_path).epochs == (1, 2)


def test_pictures_are_of_bounded_size_and_pixels_stay_pixels(tmp_path):
    big = torch.rand(6, 3, 300, 300)
    add(tmp_path, Look({"clean": big, "given": big}, {"restored": big}), 1, Origin(True))
    assert max(file.stat().st_size for file in (tmp_path / FOLDER).glob("*.png")) < 160_000
    with Image.open(tmp_path / FOLDER / "clean.png") as strip:
        pixel, height = strip.getpixel((0, 0))[:3], strip.height
    top = (300 - height) // 2
    assert list(pixel) == (big[0, :, top, top] * 255).round().int().tolist()


def test_words_alone_need_no_file(tmp_path):
    images = torch.rand(2, 1, 8, 8)
    add(tmp_path, Look({"image": images}, truth=("a", "b"), said=("a", "a")), 1, Origin(True))
    rows = read_strip(tmp_path).rows
    assert [(row.file, row.words) for row in rows] == [("image.png", ("a", "b")), ("", ("a", "a"))]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 3}', '{"rows": [{"name": "x", "words": [], "more": 1}]}'])
def test_a_damaged_list_is_none(tmp_path, text):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "strip.json").write_text(text)
    assert read_strip(tmp_path) is None


@pytest.mark.parametrize(
    "change", [{"pictures": 0}, {"pictures": 9}, {"pictures": "2"}, {"size": [0, 0]}, {"size": [1]}]
)
def test_numbers_that_cannot_be_are_a_damaged_list(tmp_path, change):
    add(tmp_path, seen(), 1, Origin(True))
    file = tmp_path / FOLDER / "strip.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert read_strip(tmp_path) is None


@pytest.mark.parametrize("name", ["../other.png", "ABSOLUTE"])
def test_a_file_elsewhere_is_not_shown(tmp_path, name):
    add(tmp_path, seen(), 1, Origin(True))
    shutil.copy(tmp_path / FOLDER / "clean.png", tmp_path / "other.png")
    file, there = tmp_path / FOLDER / "strip.json", str(tmp_path / "other.png") if name == "ABSOLUTE" else name
    file.write_text(file.read_text().replace("clean.png", there))
    assert [row.name for row in read_strip(tmp_path).rows] == ["restored"]


def test_a_strip_whose_file_is_gone_is_left_out(tmp_path):
    add(tmp_path, seen(), 1, Origin(True))
    add(tmp_path, seen(), 2, Origin(True))
    (tmp_path / FOLDER / "epoch-0001.png").unlink()
    assert read_strip(tmp_path).epochs == (2,)
    assert json.loads((tmp_path / FOLDER / "strip.json").read_text())["pictures"] == 2
