from __future__ import annotations

import pickle

import numpy as np

from symae.data import Subset, Target, UnreadableImage
from symae.data.dataset import digest
from symae.data.torchvision_sets import ImageArray


def numbers(count: int = 6) -> ImageArray:
    images = np.arange(count * 4 * 4 * 3, dtype=np.uint8).reshape(count, 4, 4, 3)
    return ImageArray("numbers", 3, images, Target.CLASS, ("even", "odd"), np.arange(count) % 2)


def test_a_subset_is_a_data_set_of_its_own() -> None:
    whole = numbers()
    part = Subset(whole, np.array([4, 1], np.int64))
    assert len(part) == 2
    assert np.array_equal(part[0].image, whole[4].image)
    assert part[1].target == whole[1].target
    assert part.path(0) == whole.path(4)
    assert part.labels is not None and part.labels.tolist() == [0, 1]
    assert (part.classes, part.channels, part.target, part.colours) == (("even", "odd"), 3, Target.CLASS, ())


def test_the_fingerprint_tells_subsets_apart() -> None:
    whole = numbers()
    prints = {whole.fingerprint()} | {
        Subset(whole, np.array(i, np.int64)).fingerprint() for i in ([0], [1], [0, 1], [1, 0])
    }
    assert len(prints) == 5


def test_digest_keeps_the_limits_between_values() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest(["ab"]) == digest([b"ab"])


def test_an_unreadable_image_comes_back_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(UnreadableImage("a.jpg", "broken")))
    assert (error.path, error.cause, str(error)) == ("a.jpg", "broken", "a.jpg: broken")
