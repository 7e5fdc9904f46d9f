import math

import numpy as np
import pytest

from symae.denoising import add_noise, as_seen, denoise, ensemble
from symae.errors import DataError


@pytest.fixture
def picture():
    rows, columns = np.mgrid[:24, :30]
    return np.stack([60 + 5 * rows, 80 + 3 * columns, 100 + rows + columns], axis=2).astype(np.uint8)


def identity(noisy, sigma):
    return noisy


def test_the_noise_is_numpys_with_seed_0_for_each_image(picture):
    np.random.seed(0)
    expected = np.float32(picture) / 255.0
    expected += np.random.normal(0, 25 / 255.0, expected.shape)
    for _ in range(2):
        assert np.array_equal(add_noise(picture, 25), expected)
    assert add_noise(picture, 25).dtype == np.float32


def test_the_noise_is_not_clipped():
    noisy = add_noise(np.full((32, 32, 1), 255, np.uint8), 50)
    assert noisy.max() > 1.2
    assert np.array_equal(add_noise(np.full((4, 4, 3), 51, np.uint8), 0), np.full((4, 4, 3), 0.2, np.float32))


def test_all_denoisers_are_given_the_same_noise(picture):
    seen = []
    for factor in (0.5, 1.0):
        denoise(lambda noisy, sigma, by=factor: seen.append(noisy.copy()) or noisy * by, picture, 15)
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], add_noise(picture, 15, seed=1))


def test_the_psnr_of_noise_and_of_the_truth():
    gray = np.full((64, 64, 3), 128, np.uint8)
    assert denoise(identity, gray, 25.5).psnr == pytest.approx(20, abs=0.1)  # 10 log10(1 / 0.1^2), all channels
    assert denoise(lambda noisy, sigma: np.full(noisy.shape, 128 / 255), gray, 50).psnr == math.inf


def test_outputs_are_clamped_and_rounded(picture):
    truth = picture / 255
    assert denoise(lambda noisy, sigma: truth + 0.4 / 255, picture, 25).psnr == math.inf
    assert denoise(lambda noisy, sigma: truth + 0.6 / 255, picture, 25).psnr == pytest.approx(20 * math.log10(255))
    assert np.array_equal(as_seen(np.array([-0.3, 0.5004, 1.7])), np.array([0, 128 / 255, 1]))


def test_ssim_is_1_for_the_truth_and_nan_below_its_window(picture):
    assert denoise(lambda noisy, sigma: picture / 255, picture, 25).ssim == pytest.approx(1)
    assert 0 < denoise(identity, picture, 25).ssim < 0.9
    assert math.isnan(denoise(identity, picture[:8], 25).ssim)


@pytest.mark.parametrize("shape", [(9, 13, 3), (8, 8, 1)])
def test_the_ensemble_of_what_commutes_with_turns_is_itself(shape):
    noisy = np.random.default_rng(0).random(shape).astype(np.float32)
    for equivariant in (identity, lambda x, sigma: x**2 + x.mean()):
        np.testing.assert_allclose(ensemble(equivariant)(noisy, 25), equivariant(noisy, 25), atol=1e-6)


def test_the_ensemble_is_the_mean_over_eight_turned_back():
    noisy = np.zeros((5, 5, 1), np.float32)
    noisy[2, 2] = 8
    spread = ensemble(lambda x, sigma: np.roll(x, (1, 0), (0, 1)))(noisy, 0)[..., 0]
    cross = np.zeros((5, 5))
    cross[[1, 3, 2, 2], [2, 2, 1, 3]] = 2
    assert np.array_equal(spread, cross)
    seen = []
    ensemble(lambda x, sigma: seen.append(x.tobytes()) or x)(np.arange(16, dtype=np.float32).reshape(4, 4, 1), 0)
    assert len(set(seen)) == 8


def test_a_negative_sigma_is_refused(picture):
    with pytest.raises(DataError, match="0-255 scale, got -1"):
        add_noise(picture, -1)
