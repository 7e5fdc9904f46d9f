import numpy as np
import pytest
import torch

from symae.drawing import LARGEST, MARGIN, SMALLEST, Cell, Row, Words, draw_sheet, shown_size, to_pixels


def cell(height: int, width: int, *words: str) -> Cell:
    return Cell(np.full((height, width, 3), 128, np.uint8), tuple(map(Words, words)))


@pytest.mark.parametrize("size", [(1, 1), (29, 29), (32, 48), (200, 100), (481, 321), (3, 700), (2000, 3000)])
def test_pictures_are_shown_large_enough_to_see_and_small_enough_to_fit(size):
    height, width = shown_size(*size)
    assert max(height, width) <= LARGEST
    assert min(height, width) >= SMALLEST or max(height, width) * 2 > LARGEST
    if max(size) <= LARGEST:
        assert (height % size[0], width % size[1]) == (0, 0)
        assert height // size[0] == width // size[1]
    else:
        assert height / width == pytest.approx(size[0] / size[1], rel=0.1, abs=1 / LARGEST)


@pytest.mark.parametrize("channels", [1, 3])
def test_small_pictures_are_enlarged_pixel_by_pixel(channels):
    image = torch.rand(channels, 20, 31)
    pixels = to_pixels(image)
    factor = pixels.shape[0] // 20
    assert factor > 1
    expected = (image * 255).round().byte().expand(3, -1, -1).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(pixels, expected.repeat(factor, 0).repeat(factor, 1))


def test_what_lies_beyond_the_range_is_clamped():
    assert to_pixels(torch.tensor([-1.0, 2.0]).reshape(1, 1, 2), (1, 2)).tolist() == [[[0] * 3, [255] * 3]]


def test_every_picture_appears_whole_on_the_sheet_whatever_the_sizes():
    shades = iter(range(40, 250, 10))
    rows = [
        Row(
            tuple(Cell(np.full((h, w, 3), next(shades), np.uint8), (Words("name"),)) for h, w in sizes),
            "label\nof two lines",
            key=np.full((8, 96, 3), 10, np.uint8),
            apart=True,
        )
        for sizes in (((50, 30), (128, 160), (20, 200)), ((64, 64),))
    ]
    sheet = np.asarray(draw_sheet(rows, "what it shows, " * 30))
    for row in rows:
        assert (sheet == 10).all(2).sum() >= len(rows) * 8 * 96
        for shown in row.cells:
            found = (sheet == shown.picture[0, 0]).all(2)
            assert found.sum() >= shown.picture[:, :, 0].size  # a letter's edge may have the shade, too


def test_words_stay_within_their_column_and_the_margin_white():
    long = "a name that is far too long for the picture above it " * 4
    sheet = np.asarray(draw_sheet([Row((cell(60, 60, long), cell(60, 60, "b")))]))
    assert sheet.shape[1] == 2 * 96 + 6 + 2 * MARGIN
    for edge in (sheet[:MARGIN], sheet[-MARGIN // 2 :], sheet[:, : MARGIN - 2], sheet[:, -MARGIN + 2 :]):
        assert (edge == 255).all()


def test_letters_grow_with_the_sheet():
    narrow, wide = (draw_sheet([Row((cell(10, width, "x"),))]) for width in (100, 3000))
    assert wide.height > narrow.height
