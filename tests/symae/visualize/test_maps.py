import pytest
import torch

from symae.corruption import Corrupted
from symae.errors import InputError
from symae.visualize.maps import feature_map, relative_change, strongest
from symae.weights import load


def test_every_relu_of_encoder_and_decoder_has_its_map(pretrained):
    model, _ = load(pretrained.path)
    depth = len(model.spec.full)
    images = torch.rand(2, 3, 21, 26)
    with torch.inference_mode():
        maps = [feature_map(model, Corrupted(images), layer) for layer in range(1, 2 * depth)]
        torch.testing.assert_close(maps[depth - 1], model.encoder(images).features)
        torch.testing.assert_close(maps[-1], model.decoder(model.encoder(images)))
    for found, height in zip(maps, [*model.spec.sizes(21)[1:], *reversed(model.spec.sizes(21)[1:-1])], strict=True):
        assert found.shape[2] == height
        assert found.min() >= 0
    for layer in (0, 2 * depth, -1):
        with pytest.raises(InputError, match=f"ReLUs 1 to {2 * depth - 1}"):
            feature_map(model, Corrupted(images), layer)


def test_missing_pixels_are_filled_as_in_training(pretrained):
    model, _ = load(pretrained.path)
    images, masks = torch.rand(1, 3, 21, 21), torch.zeros(1, 21, 21, dtype=torch.bool)
    masks[:, 5:15, 5:15] = True
    with torch.inference_mode():
        expected = model.encoder(images, masks).features
        torch.testing.assert_close(feature_map(model, Corrupted(images, masks), len(model.spec.full)), expected)


def test_the_strongest_channel_varies_most_and_size_alone_does_not_count():
    ramp = torch.arange(16.0).reshape(4, 4) / 16
    maps = torch.stack([torch.full((4, 4), 9.0), ramp, 3 * torch.eye(4), torch.zeros(4, 4)])
    assert strongest([maps], 2) == (2, 1)
    assert sorted(strongest([maps], 99)) == [0, 1, 2, 3]


def test_every_image_counts_alike_whatever_its_size():
    between = torch.stack([torch.zeros(4, 4), torch.full((4, 4), 5.0)])  # flat in each, but not the same in both
    assert strongest([between, 0 * between], 1) == (1,)
    small, large = torch.zeros(2, 2, 2), torch.zeros(2, 40, 40)
    small[0, 0], large[1, 0, 0] = 1, 3  # half of the small map, a little of the large one
    assert strongest([small, large], 1) == (0,)


def test_a_map_like_one_already_taken_is_passed_over():
    one, other = torch.rand(8, 8), torch.rand(8, 8)
    maps = torch.stack([2 * one, 1.9 * one, 1.8 * one, 0.5 * other])
    assert strongest([maps], 2) == (0, 3)
    assert strongest([maps], 3) == (0, 3, 1)


def test_relative_change():
    before = torch.tensor([3.0, 4.0])
    assert relative_change(before, before) == 0
    assert relative_change(before, torch.zeros(2)) == 1
    assert relative_change(before, torch.tensor([3.0, 9.0])) == pytest.approx(1)
