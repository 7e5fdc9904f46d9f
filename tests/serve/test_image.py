import resource

import numpy as np
import pytest
from PIL import Image

from serve.image import ImageError, centre_crop, decode, is_gray, resize_and_crop, resize_shorter_side, to_gray


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (30, 41), (41, 30), (9, 72), (72, 9), (100, 13)])
@pytest.mark.parametrize("crop", [16, 11])
@pytest.mark.parametrize("channels", [1, 3])
def test_resize_and_crop_are_both_in_one(rng, size, crop, channels):
    image = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
    expected = centre_crop(resize_shorter_side(image, 16), crop, crop)
    np.testing.assert_array_equal(resize_and_crop(image, 16, crop), expected)


@pytest.mark.parametrize("size", [(1, 200_000), (200_001, 1), (3, 60_000)])
def test_thin_images_are_fitted_in_little_memory(size):
    ramp = np.linspace(0, 255, max(size)).astype(np.uint8)
    image = np.broadcast_to((ramp if size[1] > size[0] else ramp[:, None])[..., None], (*size, 3))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fitted = resize_and_crop(np.ascontiguousarray(image), 32, 32)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
    assert fitted.shape == (32, 32, 3)
    assert abs(int(fitted.mean()) - 127) <= 1  # the centre


def test_a_resized_image_has_a_limit():
    with pytest.raises(ImageError, match="would have 6400000 x 32 pixels, more than the limit"):
        resize_shorter_side(np.zeros((1, 200_000, 3), np.uint8), 32)


@pytest.mark.parametrize(
    ("mode", "suffix", "gray"),
    [("L", "png", True), ("L", "jpg", True), ("LA", "png", True), ("1", "png", True), ("I;16", "png", True),
     ("F", "tif", True), ("RGB", "png", False), ("RGBA", "webp", False), ("P", "png", False), ("CMYK", "jpg", False)],
)  # fmt: skip
def test_gray_is_told_by_the_header(tmp_path, mode, suffix, gray):
    path = tmp_path / f"image.{suffix}"
    Image.new(mode, (5, 4)).save(path)
    assert is_gray(path) is gray
    assert decode(path.read_bytes(), channels=3).shape == (4, 5, 3)


def test_what_is_no_image_is_neither_gray_nor_coloured(tmp_path):
    (tmp_path / "image.png").write_bytes(b"nothing")
    for name in ("image.png", "missing.png"):
        with pytest.raises(ImageError):
            is_gray(tmp_path / name)


def test_gray_comes_back_from_rgb(rng):
    gray = rng.integers(0, 256, (4, 5, 1), dtype=np.uint8)
    np.testing.assert_array_equal(to_gray(gray), gray)
    np.testing.assert_array_equal(to_gray(np.repeat(gray, 3, axis=2)), gray)
