from types import SimpleNamespace

import numpy as np
import pytest

from serve.calling.ensemble import reconstruct_turned
from serve.image import ImageError

PICTURE = np.random.default_rng(0).integers(0, 200, (5, 8, 3), np.uint8)
MASK = np.random.default_rng(1).integers(0, 2, (5, 8), np.uint8)


class Darker:
    """Instead of a server, since what it is sent matters here: adds its row, as it is sent, to each pixel."""

    def __init__(self):
        self.sent = []

    def reconstruct(self, images, masks, model, keep_known):
        self.sent.append((images[0], *masks))
        rows = np.arange(images[0].shape[0])[:, None, None]
        return SimpleNamespace(images=[(images[0].astype(int) + rows).astype(np.uint8)])


def test_all_eight_views_are_sent_with_their_masks_and_come_back_upright():
    client = Darker()
    mean = reconstruct_turned(client, PICTURE, model="m", mask=MASK)
    assert len({image.tobytes() + str(image.shape).encode() for image, _ in client.sent}) == 8
    assert {image.shape for image, _ in client.sent} == {(5, 8, 3), (8, 5, 3)}
    assert all(
        (image[mask > 0].sum(), mask.sum()) == (PICTURE[MASK > 0].sum(), MASK.sum()) for image, mask in client.sent
    )
    rows, columns = np.indices((5, 8))
    added = (2 * rows + 2 * (4 - rows) + 2 * columns + 2 * (7 - columns)) / 8  # from above, below, left and right
    np.testing.assert_array_equal(mean, np.rint(PICTURE + added[..., None]))


def test_a_mask_of_another_size_is_refused_before_anything_is_sent():
    client = Darker()
    with pytest.raises(ImageError, match=r"the image's \(5, 8\) \(H, W\), got \(8, 5\)"):
        reconstruct_turned(client, PICTURE, model="m", mask=MASK.T)
    assert not client.sent
