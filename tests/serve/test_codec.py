import io

import numpy as np
import pytest
from PIL import Image

from serve import codec, pictures
from serve.blocks import MIN_COST, Fit, Limits
from serve.errors import RequestError
from serve.pb.symae.v1 import symae_pb2 as pb

LIMITS = Limits(images=8, image_pixels=400, pixels=1000)


def raw(data, height, width, channels=3):
    return pb.Image(raw=pb.RawImage(data=data, height=height, width=width, channels=channels))


def encoded(array, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def read(images, masks=(), channels=3, **changes):
    codec.check_counts(images, masks, LIMITS)
    return codec.read_blocks(images, masks, **{"channels": channels, "limits": LIMITS} | changes)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_arrive(rng, channels):
    array = rng.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    (block,) = read([pictures.image_message(array)], channels=channels)
    np.testing.assert_array_equal(block.image[0], array)


def test_equal_sizes_become_one_block(rng):
    sizes = [(4, 4), (5, 4), (4, 4), (4, 5), (5, 4)]
    arrays = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    blocks = read([pictures.image_message(array) for array in arrays])
    assert [list(block.where) for block in blocks] == [[0, 2], [1, 4], [3]]
    for block in blocks:
        for position, image in zip(block.where, block.image, strict=True):
            np.testing.assert_array_equal(image, arrays[position])


def test_encoded_and_raw_of_one_size_share_a_block(rng):
    array = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    (block,) = read([pb.Image(encoded=encoded(array)), pictures.image_message(array)])
    np.testing.assert_array_equal(block.image[0], block.image[1])


def test_gray_and_colour_files_fit_the_model(rng):
    gray = rng.integers(0, 256, (4, 6), dtype=np.uint8)
    assert read([pb.Image(encoded=encoded(gray))])[0].image.shape == (1, 4, 6, 3)
    assert read([pb.Image(encoded=encoded(np.dstack([gray] * 3)))], channels=1)[0].image.shape == (1, 4, 6, 1)


def test_fit_resizes_and_crops(rng):
    array = rng.integers(0, 256, (10, 20, 3), dtype=np.uint8)
    assert read([pictures.image_message(array)], fit=Fit(resize=8, crop=6))[0].image.shape == (1, 6, 6, 3)


def test_masks(rng):
    array = np.zeros((2, 3, 3), np.uint8)
    mask = np.array([[0, 1, 0], [9, 0, 0]], np.uint8)
    images = [pictures.image_message(array)] * 3
    masks = [pictures.mask_message(mask), pictures.mask_message(None), pictures.mask_message(encoded(mask * 20))]
    (block,) = read(images, masks)
    np.testing.assert_array_equal(block.mask != 0, np.stack([mask, np.zeros_like(mask), mask]) != 0)
    assert read(images, [pb.Mask()] * 3)[0].mask is None
    np.testing.assert_array_equal(pictures.mask_message(mask.astype(bool)).raw, pictures.mask_message(mask).raw)


SMALL = raw(bytes(12), 2, 2)


@pytest.mark.parametrize(
    ("images", "masks", "field", "message"),
    [
        ([], [], "images", "at least one image"),
        ([SMALL] * 9, [], "images", "at most 8 images"),
        ([SMALL, pb.Image()], [], r"images\[1\]", "empty"),
        ([raw(bytes(11), 2, 2)], [], r"images\[0\].raw.data", "expected 12 bytes for .* got 11"),
        ([raw(bytes(4), 2, 2, 1)], [], r"images\[0\].raw.channels", "takes 3, got 1"),
        ([raw(b"", 0, 2)], [], r"images\[0\].raw", "at least 1, got 0 x 2"),
        ([raw(bytes(12), 2**32 - 1, 2**32 - 1)], [], r"images\[0\].raw", "more than the limit of 400"),
        ([raw(bytes(1200), 20, 20)] * 3, [], r"images\[2\].raw", "more than the limit of 200"),
        ([pb.Image(encoded=b"")], [], r"images\[0\].encoded", "empty"),
        ([pb.Image(encoded=b"GIF89a nonsense")], [], r"images\[0\].encoded", "broken|not an image"),
        ([pb.Image(encoded=encoded(np.zeros((30, 30), np.uint8)))], [], r"images\[0\].encoded", "limit of 400"),
        ([SMALL, SMALL], [pb.Mask()], "masks", "got 1 masks for 2 images"),
        ([SMALL], [pb.Mask(raw=b"123")], r"masks\[0\].raw", "expected 4 bytes"),
        ([SMALL], [pb.Mask(encoded=b"x")], r"masks\[0\].encoded", "not an image"),
        ([SMALL], [pb.Mask(encoded=encoded(np.zeros((1, 3), np.uint8)))], r"masks\[0\].encoded", r"\(2, 2\)"),
    ],
)
def test_what_is_wrong_is_named(images, masks, field, message):
    with pytest.raises(RequestError, match=rf"^{field}: .*({message})"):
        read(images, masks)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_truncated_files_are_the_callers_fault(rng, kind, share):
    data = encoded(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), kind)
    with pytest.raises(RequestError, match=r"images\[0\].encoded"):
        read([pb.Image(encoded=data[: int(share * len(data))])])


def test_costs():
    assert codec.wire_cost([SMALL, pb.Image(encoded=bytes(5000))]) == MIN_COST + 5000
    assert read([raw(bytes(1200), 20, 20)])[0].cost == MIN_COST
    assert not codec.needs_thread([SMALL])
    assert codec.needs_thread([SMALL], [pb.Mask(encoded=b"x")])
