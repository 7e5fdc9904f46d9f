import pytest
import torch

from symae.probe.features import LayerFeatures, pooled


def nothing(_):
    pass


@pytest.mark.parametrize("layer", [1, 2])
def test_maps_are_standardised_a_channel(encoder, pictures, layer):
    features = LayerFeatures(encoder, layer, pictures, nothing)
    maps = features.maps(torch.arange(len(pictures)))
    assert maps.shape[1:] == features.shape == ((6, 12, 12), (8, 6, 6))[layer - 1]
    torch.testing.assert_close(maps.mean((0, 2, 3)), torch.zeros(maps.shape[1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(maps.std((0, 2, 3)), torch.ones(maps.shape[1]), atol=1e-3, rtol=0)


def test_maps_that_are_not_kept_are_the_same(encoder, pictures):
    kept, computed = (LayerFeatures(encoder, 2, pictures, nothing, limit) for limit in (1 << 30, 120 * 8 * 3 * 3 * 4))
    rows = torch.tensor([5, 0, 119])
    torch.testing.assert_close(kept.maps(rows), computed.maps(rows), atol=1e-5, rtol=0)
    torch.testing.assert_close(kept.encode(pictures[rows]), kept.maps(rows), atol=1e-5, rtol=0)


def test_the_matrix_is_the_whole_map_or_its_mean_over_patches(encoder, pictures):
    whole = LayerFeatures(encoder, 2, pictures, nothing)
    assert whole.matrix().shape == (120, 8 * 6 * 6)
    torch.testing.assert_close(whole.flatten(whole.encode(pictures)), whole.matrix(), atol=1e-5, rtol=0)
    fewer = LayerFeatures(encoder, 2, pictures, nothing, limit=120 * 8 * 3 * 3 * 4)
    assert fewer.grid == (3, 3)
    patches = whole.encode(pictures).unflatten(2, (3, 2)).unflatten(4, (3, 2)).mean((3, 5))
    torch.testing.assert_close(fewer.matrix(), patches.permute(0, 2, 3, 1).flatten(1), atol=1e-5, rtol=0)


def test_a_channel_that_never_fires_is_zero_and_nothing_of_the_encoder_changes(encoder, pictures):
    encoder.convolutions[0].weight.data[2] = 0
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    features = LayerFeatures(encoder, 1, pictures, nothing)
    assert not features.maps(torch.arange(9))[:, 2].any()
    assert features.matrix().isfinite().all()
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())


def test_pooled_features_are_the_means_of_the_last_map(encoder, pictures):
    features = pooled(encoder, pictures)
    torch.testing.assert_close(features, encoder.feature_map(pictures.float() / 255).mean((2, 3)))


def test_every_image_is_told_once(encoder, pictures):
    told = []
    LayerFeatures(encoder, 1, pictures, told.append)
    assert sum(told) == 120
