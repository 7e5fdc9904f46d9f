import dataclasses

import pytest
import torch
from torch import nn

from symae.errors import RecipeError
from symae.networks import Classifier, Layer, NetworkSpec, Segmenter, network1, network2, network3, rednet

SMALL = dataclasses.replace(network2(), width=1 / 24)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        (network1(), 512 * 10 + 10),
        (network2(), 192 * 10 + 10),
        (dataclasses.replace(network3(), width=1 / 8), 64 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10),
    ],
)
def test_heads_have_the_layers_of_the_supplement(spec, parameters):
    assert count(Classifier(spec, classes=10).head) == parameters


@pytest.mark.parametrize("build", [network1, network2, network3, lambda: rednet(6)])
@pytest.mark.parametrize("size", [(1, 1), (29, 29), (13, 30)])
def test_classifiers_take_any_size(build, size):
    model = Classifier(dataclasses.replace(build(), width=1 / 16), classes=7).eval()
    assert model(torch.rand(1, 3, *size)).shape == (1, 7)


def test_network_2_classifies_every_position_and_then_averages():
    model = Classifier(SMALL, classes=4).eval()
    nn.init.normal_(model.head.classes.weight)
    x = torch.rand(2, 3, 12, 15)
    features = model.encoder(x).features  # averaging and a 1x1 convolution may be swapped
    expected = torch.einsum("bchw,kc->bk", features, model.head.classes.weight[..., 0, 0]) / features[0, 0].numel()
    torch.testing.assert_close(model(x), expected + model.head.classes.bias)


@pytest.mark.parametrize("build", [network1, network2, network3, lambda: rednet(6)])
@pytest.mark.parametrize("size", [(1, 1), (9, 14), (29, 29)])
def test_segmenters_score_every_pixel(build, size):
    model = Segmenter(dataclasses.replace(build(), width=1 / 16), classes=5).eval()
    assert model(torch.rand(2, 3, *size)).shape == (2, 5, *size)


def test_a_segmenter_keeps_inner_shortcuts_and_drops_the_outer_one():
    with_shortcuts, outer_only, none = (
        Segmenter(dataclasses.replace(SMALL, shortcuts=shortcuts), classes=3).eval()
        for shortcuts in ("all", "input-output", "none")
    )
    for model in (with_shortcuts, outer_only, none):
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    x = torch.rand(1, 3, 11, 11)
    assert torch.equal(outer_only(x), none(x))
    assert not torch.allclose(with_shortcuts(x), none(x))


def test_masked_pixels_do_not_matter():
    model, masks = Classifier(SMALL, classes=3).eval(), torch.zeros(1, 9, 9, dtype=torch.bool)
    masks[0, 2:5] = True
    x = torch.rand(1, 3, 9, 9)
    assert torch.equal(model(x, masks), model(torch.where(masks, 0.9, x), masks))


def test_a_segmenter_needs_a_first_convolution_without_stride():
    with pytest.raises(RecipeError, match="stride 1"):
        Segmenter(NetworkSpec("strided", (Layer(4, stride=2), Layer(4))), classes=2)


@pytest.mark.parametrize("head", [Classifier, Segmenter])
def test_all_weights_are_drawn_anew(head):
    model = head(network2(), classes=200)
    weights = model.head.classes.weight if head is Classifier else model.head.weight
    assert weights.std().item() == pytest.approx(0.01, rel=0.05)
