from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from PIL import Image

from symae.data import DataOptions, Example, Target, UnreadableImage, open_dataset
from symae.data.batch import decode_ahead, stack

IMAGE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("target", "shape", "kind"),
    [
        (3, (2,), torch.int64),
        (np.array([0, 1, 255], np.uint8), (2, 3), torch.uint8),
        (np.zeros((2, 4), np.uint8), (2, 2, 4), torch.uint8),
    ],
)
def test_targets_are_stacked_beside_the_images(target, shape, kind) -> None:
    images, targets = stack([Example(IMAGE, target)] * 2)
    assert images.shape == (2, 3, 2, 4) and images.is_contiguous()
    assert torch.equal(images[1], torch.from_numpy(IMAGE).permute(2, 0, 1))
    assert targets is not None and targets.shape == shape and targets.dtype == kind


def test_without_targets_there_are_none() -> None:
    assert stack([Example(IMAGE)])[1] is None


class Slow:
    """The earlier an example, the longer it takes."""

    def __init__(self) -> None:
        self.asked = 0

    def __getitem__(self, index: int) -> Example:
        self.asked += 1
        time.sleep(0.002 * (5 - index % 5))
        if index == 3:
            raise UnreadableImage("3.jpg", "broken")
        return Example(IMAGE, index)


def test_order_is_kept_and_failures_are_values() -> None:
    found = dict(decode_ahead(Slow(), range(12), None, None))
    assert list(found) == list(range(12))
    assert isinstance(found.pop(3), UnreadableImage)
    assert all(item.target == index for index, item in found.items())


def test_little_is_decoded_for_who_stops_early() -> None:
    dataset = Slow()
    ahead = decode_ahead(dataset, range(10_000), None, None)
    next(ahead)
    ahead.close()
    assert dataset.asked < 200


def test_an_image_that_would_grow_beyond_all_bounds_is_unreadable(tmp_path) -> None:
    Image.fromarray(np.zeros((1, 30_000, 3), np.uint8)).save(tmp_path / "thin.png")
    dataset = open_dataset(str(tmp_path), target=Target.NONE, part="train", options=DataOptions())
    [(_, found)] = decode_ahead(dataset, range(1), 64, 96)
    assert isinstance(found, UnreadableImage)
    assert "thin.png" in found.path
