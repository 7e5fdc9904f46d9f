import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from symae.errors import RecipeError
from symae.networks import Classifier, Encoder, Segmenter, SymmetricAutoencoder, pyramid, wide_resnet
from symae.networks.autoencoder import initialise
from symae.networks.residual import Skips

NARROW = dataclasses.replace(wide_resnet(16, 2), width=1 / 4)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_layers_are_those_of_the_wide_resnet():
    spec = wide_resnet(22, 4)
    assert (spec.name, spec.head, spec.stride) == ("wrn-22-4", "gap-fc", 4)
    assert [layer.channels for layer in spec.layers] == [16] + [64] * 6 + [128] * 6 + [256] * 6
    assert [i for i, layer in enumerate(spec.layers, 1) if layer.stride == 2] == [8, 14]
    assert list(spec.projections) == [3, 9, 15]
    assert list(wide_resnet(22, 1).projections) == [9, 15]


@pytest.mark.parametrize(
    ("depth", "widen", "millions"),
    [(16, 8, 11.0), (28, 10, 36.5), (22, 8, 17.2), (40, 4, 8.9)],  # as Zagoruyko and Komodakis state them
)
def test_the_classifier_has_the_published_number_of_parameters(depth, widen, millions):
    with torch.device("meta"):  # shapes alone
        model = Classifier(wide_resnet(depth, widen), classes=10)
    assert round(count(model) / 1e6, 1) == millions


def test_flops_by_hand():
    first = 29**2 * (9 * (3 * 16 + 16 * 128 + 3 * 128**2) + 16 * 128)
    second = 15**2 * (9 * (128 * 256 + 3 * 256**2) + 128 * 256)
    third = 8**2 * (9 * (256 * 512 + 3 * 512**2) + 256 * 512)
    assert wide_resnet(16, 8).flops(29, 29, decoder=False) == 2 * (first + second + third)
    assert wide_resnet(16, 8).flops(29, 29) == 4 * (first + second + third)


@pytest.mark.parametrize("depth", [4, 8, 17, 0, -2])
def test_a_depth_that_does_not_exist_is_refused(depth):
    with pytest.raises(RecipeError, match=f"10, 16, 22, 28 or so on, got {depth}"):
        wide_resnet(depth)


def test_a_negative_factor_is_refused():
    with pytest.raises(RecipeError, match="at least 1, got 0"):
        wide_resnet(16, 0)


@pytest.mark.parametrize("layer", [1, 2, 3, 5, 6, 7, 9, 11, 13])
def test_a_value_sees_its_receptive_field_and_nothing_else(layer):
    """All weights positive and all maps too, so that every influence passes each ReLU and none cancels."""
    encoder = Encoder(dataclasses.replace(NARROW, width=1 / 16)).double().eval()
    for parameter in encoder.parameters():
        nn.init.uniform_(parameter, 0.1, 1.0)
    side = 2 * NARROW.receptive_field(layer) + 1
    x = torch.linspace(0.6, 1, side * side).double().reshape(1, 1, side, side).repeat(1, 3, 1, 1).requires_grad_()
    features = encoder.feature_map(x, layer)
    features[0, :, features.shape[2] // 2, features.shape[3] // 2].sum().backward()
    seen = x.grad[0].abs().sum(0) > 0
    for axis in (0, 1):
        assert int(seen.any(axis).sum()) == NARROW.receptive_field(layer)


@pytest.mark.parametrize("size", [(1, 1), (13, 30), (29, 29)])
def test_heads_take_any_size(size):
    x = torch.rand(2, 3, *size)
    assert Classifier(NARROW, classes=7).eval()(x).shape == (2, 7)
    assert Segmenter(NARROW, classes=5).eval()(x).shape == (2, 5, *size)


def test_the_identity_passes_what_is_raw_and_a_projection_what_is_activated():
    x, raw, activated = torch.randn(3, 1, 2, 4, 5)
    skips = Skips({"3": nn.Conv2d(2, 2, 1, bias=False)})
    assert torch.equal(skips(x, 5, raw, activated), x + raw)
    assert torch.equal(skips(x, 3, raw, activated), x + skips["3"](activated))


def test_every_weight_of_a_residual_network_learns():
    model = Segmenter(NARROW, classes=3)
    model(torch.rand(2, 3, 13, 10)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("size", [(8, 12), (7, 11), (8, 11)])
def test_what_goes_past_a_block_of_a_decoder_is_the_deconvolution(size):
    projection = nn.ConvTranspose2d(8, 4, 1, 2, output_padding=1, bias=False)
    activated, x = torch.rand(2, 8, 4, 6), torch.rand(2, 4, *size)
    expected = x + projection(activated)[:, :, : size[0], : size[1]]
    skips = Skips({"3": projection})
    torch.testing.assert_close(skips(x, 3, torch.zeros(()), activated), expected)


@pytest.mark.parametrize("size", [(8, 12), (7, 11), (8, 11)])
def test_what_goes_past_a_block_of_an_encoder_is_the_convolution(size):
    projection = nn.Conv2d(6, 8, 1, 2, bias=False)
    activated = torch.rand(2, 6, *size)
    expected = projection(activated)
    x = torch.rand_like(expected)
    skips = Skips({"3": projection})
    torch.testing.assert_close(skips(x, 3, torch.zeros(()), activated), x + expected)


@pytest.mark.parametrize("spec", [pyramid((4, 8, 12)), pyramid((4, 6, 8), stride=2)], ids=["whole", "half"])
def test_a_few_channels_are_trained_on_without_a_crash(spec):
    model = SymmetricAutoencoder(spec).to(memory_format=torch.channels_last)
    for _ in range(8):  # memory that was written beyond its end shows when it is used again
        x = torch.rand(8, 3, 29, 29).contiguous(memory_format=torch.channels_last)
        model(x).square().mean().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_a_pyramid_halves_the_size_at_each_stage_and_keeps_a_shortcut_at_each_size():
    spec = pyramid((32, 64, 96), blocks=2)
    assert [(layer.channels, layer.stride) for layer in spec.layers] == [
        *[(32, 1)] * 5, (64, 2), (64, 1), (64, 1), (64, 1), (96, 2), (96, 1), (96, 1), (96, 1)
    ]  # fmt: skip
    assert spec.joined == (1, 3, 5, 7, 9, 11)
    assert list(spec.projections) == [7, 11]
    assert spec.norm == "none"


def test_a_pyramid_may_have_more_blocks_where_it_is_small():
    spec = pyramid((4, 6, 8), blocks=(1, 2, 3))
    assert [layer.channels for layer in spec.layers] == [4] * 3 + [6] * 4 + [8] * 6
    assert [layer.stride for layer in spec.layers] == [1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1]


def test_a_pyramid_may_begin_at_half_size():
    spec = pyramid((32, 64), stride=2)
    assert (spec.name, [(layer.channels, layer.kernel, layer.stride) for layer in spec.layers]) == (
        "pyramid-2",
        [(32, 5, 2), (32, 3, 1), (32, 3, 1), (64, 3, 2), (64, 3, 1)],
    )
    x = torch.rand(2, 3, 13, 10)
    assert SymmetricAutoencoder(spec)(x).shape == x.shape


@pytest.mark.parametrize(("channels", "blocks"), [((8,), 1), ((8, 16), 0), ((8, 16), (1, 0)), ((8, 16), (1,))])
def test_a_pyramid_needs_two_sizes_and_a_block(channels, blocks):
    with pytest.raises(RecipeError, match="two sizes and one block"):
        pyramid(channels, blocks)


@pytest.mark.parametrize("size", [(13, 18), (16, 9), (15, 15), (8, 16)])
@pytest.mark.parametrize("masked", [False, True])
def test_a_pyramid_mirrors_an_image_at_its_lower_and_right_edge_until_strides_divide_it(size, masked):
    torch.manual_seed(0)
    model, (height, width) = SymmetricAutoencoder(pyramid((4, 6, 8), stride=2)).eval(), size
    assert model.spec.multiple == 8
    initialise(model, torch.Generator().manual_seed(0), "he")
    images, masks = torch.rand(2, 3, height, width), torch.rand(2, height, width) < 0.2 if masked else None

    def mirrored(x):
        return F.pad(x[:, None].float(), (0, -width % 8, 0, -height % 8), mode="reflect")[:, 0]

    whole = torch.stack([mirrored(plane) for plane in images.unbind(1)], 1)
    expected = model(whole, None if masks is None else mirrored(masks) > 0)[..., :height, :width]
    assert torch.equal(model(images, masks), expected)


def test_an_image_smaller_than_the_strides_repeats_its_first_rows():
    model = SymmetricAutoencoder(pyramid((4, 6, 8), stride=2)).eval()
    assert model(torch.rand(1, 3, 1, 3)).shape == (1, 3, 1, 3)


def test_the_papers_networks_take_images_as_they_are():
    assert wide_resnet(10, 1).multiple == 1


def test_without_normalisation_blocks_begin_near_the_identity():
    model = SymmetricAutoencoder(pyramid((16, 32, 48)))
    initialise(model, torch.Generator().manual_seed(0), "he")
    inputs = [(2 / (9 * count)) ** 0.5 for count in (3, 16, 16, 16, 32, 32, 48)]  # He's rule: channels that come in
    stds = [convolution.weight.std().item() for convolution in model.encoder.convolutions]
    assert [std / he for std, he in zip(stds, inputs, strict=True)] == pytest.approx([1, *[1, 0.1] * 3], rel=0.1)
    back = [(2 / (9 * count)) ** 0.5 for count in (48, 48 / 4, 32, 32 / 4, 16, 16)]  # a stride's output meets a quarter
    stds = [deconvolution.weight.std().item() for deconvolution in model.decoder.deconvolutions]
    assert [std / he for std, he in zip(stds, back, strict=True)] == pytest.approx([1, 0.1] * 3, rel=0.1)
