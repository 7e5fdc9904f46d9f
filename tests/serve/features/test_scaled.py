import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from serve import image as pixels
from serve.blocks import Fit
from serve.features.scaled import decode_fitted

LIMIT = 1 << 25
STEPS, WORST = 3.0, 30  # of 255: an image's average and a pixel, bounds for photographs
PHOTOS = ("skimage/data/astronaut.png", "skimage/data/coffee.png", "sklearn/datasets/images/china.jpg")


def photograph(name):
    package, _, rest = name.partition("/")
    with Image.open(Path(importlib.util.find_spec(package).origin).parent / rest) as image:
        return image.convert("RGB")


def encoded(image, kind="JPEG", orientation=1, **how):
    file, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(file, kind, exif=exif, **how)
    return file.getvalue()


def read(data, fit, channels=3, reduce=True):
    return decode_fitted(data, channels=channels, fit=fit, max_pixels=LIMIT, reduce=reduce)


def difference(data, fit, channels=3):
    whole = fit(pixels.decode(data, channels=channels))
    return np.abs(read(data, fit, channels).image.astype(int) - whole)


@pytest.mark.parametrize("side", [96, 50, 32, 20])
@pytest.mark.parametrize("name", PHOTOS)
def test_reduced_photographs_stay_within_the_bound(name, side):
    steps = difference(encoded(photograph(name), quality=92), Fit(side, side - 3))
    assert 0 < steps.mean() <= STEPS
    assert steps.max() <= WORST


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_and_odd_size(orientation):
    data = encoded(photograph(PHOTOS[1]).crop((3, 2, 412, 351)), quality=95, orientation=orientation)
    steps = difference(data, Fit(40, 40))
    assert steps.mean() <= STEPS and steps.max() <= WORST
    read_now = read(data, Fit(40, 40))
    assert (read_now.width, read_now.height) == ((409, 349) if orientation < 5 else (349, 409))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_modes(mode, channels):
    data = encoded(photograph(PHOTOS[0]).convert(mode), quality=95)
    steps = difference(data, Fit(60, 60), channels)
    assert steps.shape == (60, 60, channels)
    assert 0 < steps.mean() <= STEPS


@pytest.mark.parametrize(
    ("kind", "size", "fit", "reduce"),
    [
        ("JPEG", (300, 200), Fit(60, 50), False),  # not asked for
        ("JPEG", (300, 200), Fit(101, 90), True),  # half of it would be too small
        ("PNG", (300, 200), Fit(30, 30), True),
        ("JPEG", (200, 20), Fit(4, 4), True),  # so long that its ends are cut off
        ("WEBP", (64, 64), Fit(64, 60), True),
        ("JPEG", (300, 200), None, True),
    ],
)
def test_all_else_is_to_the_bit_what_the_server_sees(kind, size, fit, reduce):
    data = encoded(photograph(PHOTOS[1]).resize(size), kind, orientation=6)
    whole = pixels.decode(data, channels=3)
    now = read(data, fit, reduce=reduce)
    np.testing.assert_array_equal(now.image, fit(whole) if fit else whole)
    assert (now.width, now.height) == size[::-1]


def test_what_is_broken_or_too_large_is_said():
    data = encoded(photograph(PHOTOS[0]))
    with pytest.raises(pixels.ImageError, match="broken image"):
        read(data[:5000], Fit(32, 32))
    with pytest.raises(pixels.ImageError, match="more than the limit"):
        decode_fitted(data, channels=3, fit=Fit(32, 32), max_pixels=1000, reduce=True)
