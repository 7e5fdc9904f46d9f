import numpy as np
import pytest

from serve import pictures
from serve.errors import RequestError, UnsupportedError
from serve.pb.symae.v1 import symae_pb2 as pb


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_survive_both_ways(rng, channels):
    array = rng.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    np.testing.assert_array_equal(pictures.from_picture(pictures.image_message(array)), array)
    for encoding in (pb.ENCODING_UNSPECIFIED, pb.ENCODING_RAW, pb.ENCODING_PNG):
        (picture,) = pictures.to_pictures([array], encoding)
        np.testing.assert_array_equal(pictures.from_picture(picture), array)
    webp = pictures.from_picture(pictures.to_pictures([array], pb.ENCODING_WEBP)[0])
    np.testing.assert_array_equal(webp, np.broadcast_to(array, (5, 7, 3)))  # WebP has no gray
    assert pictures.from_picture(pictures.to_pictures([array], pb.ENCODING_JPEG)[0]).shape == array.shape


def test_tensors_survive(rng):
    array = rng.normal(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(pictures.from_tensor(pictures.to_tensor(array)), array)


def test_unknown_encoding_is_unsupported():
    with pytest.raises(UnsupportedError, match="no encoding 99, expected one of ENCODING_RAW"):
        pictures.to_pictures([np.zeros((2, 2, 3), np.uint8)], 99)


@pytest.mark.parametrize("array", [np.zeros((2, 2, 3)), np.zeros((2, 2, 4), np.uint8), np.zeros(3, np.uint8)])
def test_arrays_that_are_no_images(array):
    with pytest.raises(RequestError, match=r"expected .* uint8, got"):
        pictures.image_message(array)
