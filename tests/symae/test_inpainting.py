import math

import numpy as np
import pytest

from symae.errors import DataError
from symae.inpainting import HOLES, inpaint, mean_fill, missing


def test_holes_are_those_of_their_name_and_image():
    for holes in HOLES:
        mask = missing(holes, 70, 90, "a.png")
        assert np.array_equal(mask, missing(holes, 70, 90, "a.png"))
        assert not np.array_equal(mask, missing(holes, 70, 90, "b.png"))
        assert mask.shape == (70, 90)


def test_the_big_block_is_one_and_small_ones_cover_a_quarter_at_most():
    big = missing("big_block", 70, 90, 0)
    rows, columns = np.nonzero(big)
    assert big.sum() == 32 * 32
    assert (np.ptp(rows), np.ptp(columns)) == (31, 31)
    assert 0.15 < missing("small_blocks", 200, 300, 0).mean() <= 0.25


def test_only_missing_pixels_count_and_none_of_them_is_shown():
    clean = np.full((40, 40, 3), 200, np.uint8)
    mask = missing("big_block", 40, 40, 0)

    def spoil(image, missing):
        assert not image[missing].any()
        return np.where(missing[..., None], 200 / 255, 0)  # right where it counts

    assert inpaint(spoil, clean, mask) == math.inf
    assert inpaint(lambda image, missing: image, clean, mask) == pytest.approx(-20 * math.log10(200 / 255))


def test_the_mean_of_what_is_known_fills_each_channel():
    clean = np.zeros((40, 40, 2), np.uint8)
    clean[..., 1] = 51
    mask = missing("big_block", 40, 40, 0)
    assert inpaint(mean_fill, clean, mask) > 100


def test_an_image_without_room_is_refused():
    with pytest.raises(DataError, match="no room for a block of 32"):
        missing("big_block", 31, 90, 0)
