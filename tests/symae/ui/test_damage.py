import math

import numpy as np
import pytest

from symae.ui.damage import add_noise, big_block, cut_out, mean_change, psnr, small_blocks

FLAT = np.full((64, 80, 3), 128, np.uint8)


def test_no_noise_is_the_identity_and_the_same_seed_the_same_noise():
    assert (add_noise(FLAT, 0) == FLAT).all()
    assert (add_noise(FLAT, 20) == add_noise(FLAT, 20)).all()
    assert (add_noise(FLAT, 20, seed=1) != add_noise(FLAT, 20)).any()


def test_bands_of_rows_change_nothing():
    tall = np.random.default_rng(1).integers(0, 256, (600, 7, 3), np.uint8)
    noise = np.random.default_rng(3).standard_normal(tall.shape, np.float32)
    noisy = add_noise(tall, 20, seed=3)
    assert (noisy == np.clip(np.rint(tall + 20 * noise), 0, 255)).all()
    difference = noisy.astype(float) - tall
    assert psnr(noisy, tall) == pytest.approx(10 * math.log10(255**2 / np.mean(difference**2)))
    assert mean_change(noisy, tall) == pytest.approx(np.abs(difference).mean())


def test_noise_has_its_standard_deviation():
    assert np.std(add_noise(FLAT, 20).astype(float)) == pytest.approx(20, rel=0.03)


@pytest.mark.parametrize("size", [(64, 80), (33, 7), (1, 1), (1, 40)])
@pytest.mark.parametrize("draw", [big_block, small_blocks])
def test_blocks_lie_inside_of_any_picture(draw, size):
    mask = draw(*size, np.random.default_rng(0))
    assert mask.shape == size and mask.any()


def test_a_big_block_is_one_square_and_small_ones_cover_up_to_a_quarter():
    assert big_block(64, 80, np.random.default_rng(0)).sum() == 32 * 32
    assert 0.15 < small_blocks(256, 256, np.random.default_rng(0)).mean() <= 0.25


def test_psnr_over_all_pixels_and_inside_a_hole():
    mask = np.zeros((64, 80), bool)
    mask[:8, :10] = True  # a sixty-fourth
    changed = FLAT.copy()
    changed[mask] += 10
    assert psnr(changed, FLAT, mask) == pytest.approx(20 * math.log10(255 / 10))
    assert psnr(changed, FLAT) == pytest.approx(20 * math.log10(255 / 10) + 10 * math.log10(64))
    assert psnr(FLAT, FLAT) == math.inf


def test_what_is_missing_is_gray():
    mask = np.eye(64, 80, dtype=bool)
    cut = cut_out(np.zeros((64, 80, 3), np.uint8), mask)
    assert (cut[mask] == 128).all() and not cut[~mask].any()
