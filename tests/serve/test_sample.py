import numpy as np

from serve.sample import clean_sample, noisy_sample, torn_sample


def test_the_noise_is_as_strong_as_asked_for_and_the_same_each_time():
    clean, noisy = clean_sample(), noisy_sample(10)
    assert noisy.dtype == np.uint8 and noisy.shape == clean.shape == (300, 451, 3)
    middling = (clean > 60) & (clean < 195)  # where nothing is clipped
    assert abs(np.std((noisy.astype(float) - clean)[middling]) - 10) < 0.1
    np.testing.assert_array_equal(noisy, noisy_sample(10))
    np.testing.assert_array_equal(clean, noisy_sample(0))


def test_the_mask_is_where_the_holes_are():
    torn, mask = torn_sample(0)
    assert set(np.unique(mask)) == {0, 255}
    assert not torn[mask > 0].any()
    np.testing.assert_array_equal(torn[mask == 0], clean_sample()[mask == 0])
