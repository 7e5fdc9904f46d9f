import dataclasses
import itertools

import pytest
import torch
from torch import nn

from export.fold import fold, fold_encoder
from symae.networks import Layer, NetworkSpec


def relative(got, expected):
    return ((got - expected).abs().max() / expected.abs().max()).item()


def images(spec, size=(13, 18)):
    return torch.rand(2, spec.channels, *size, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("stage", ["pretrain", "classify", "segment"])
@pytest.mark.parametrize("size", [(1, 1), (13, 18), (29, 29)])
def test_folding_keeps_the_function(trained, spec, stage, size):
    if stage == "segment" and spec.layers[0].stride > 1:
        pytest.skip("a segmenter's first convolution has stride 1")
    model, _ = trained(spec, stage)
    x = images(spec, size)
    with torch.inference_mode():
        assert relative(fold(model)(x), model(x)) < 1e-5


@pytest.mark.parametrize(("join", "shortcuts"), [*itertools.product(["pre", "post"], ["all", "input-output", "none"])])
@pytest.mark.parametrize("name", ["network2", "residual"])
def test_folding_keeps_every_ablation(trained, narrow, name, join, shortcuts):
    model, _ = trained(dataclasses.replace(narrow[name], join=join, shortcuts=shortcuts, fill="zero"))
    x, masks = images(model.spec), torch.zeros(2, 13, 18, dtype=torch.bool)
    masks[:, 3:7, 2:9] = True
    with torch.inference_mode():
        assert relative(fold(model)(x, masks), model(x, masks)) < 1e-5


def test_folding_leaves_no_norm_and_no_deconvolution_without_stride(trained, spec):
    folded = fold(trained(spec)[0])
    assert not [part for part in folded.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all(part.stride == (2, 2) for part in folded.modules() if isinstance(part, nn.ConvTranspose2d))


def test_each_join_costs_one_affine(trained, narrow):
    model, _ = trained(narrow["network2"])
    affines = [i for i, norm in enumerate(fold(model).encoder.norms, 1) if not isinstance(norm, nn.Identity)]
    assert affines == list(model.spec.joined)
    post, _ = trained(dataclasses.replace(narrow["network2"], join="post"))
    assert all(isinstance(norm, nn.Identity) for norm in fold(post).encoder.norms)


def test_between_residual_blocks_an_affine_is_left(trained, narrow):
    model, _ = trained(narrow["residual"])
    for part, ends in (
        (fold(model).encoder, [1, 3, 5, 7]),
        (fold(model).decoder, [2, 4, 6]),
        (fold_encoder(model.encoder), [1, 3, 5, 7]),
    ):
        assert [i for i, norm in enumerate(part.norms, 1) if not isinstance(norm, nn.Identity)] == ends


def test_residual_blocks_without_normalisation_are_folded(trained, narrow):
    model, _ = trained(dataclasses.replace(narrow["residual"], norm="none"))
    x = images(model.spec)
    with torch.inference_mode():
        assert relative(fold(model)(x), model(x)) < 1e-5


@pytest.mark.parametrize("name", ["network2", "residual"])
def test_folding_leaves_the_original_alone(trained, narrow, name):
    model, _ = trained(narrow[name])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fold(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("scale", [0.0, 1e-30, -1e-20, 1e-10, 1e4])
@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_tiny_and_zero_scales_on_either_side_of_a_join_are_exact(trained, scale, side):
    model, _ = trained(NetworkSpec("small", (Layer(6), Layer(6), Layer(6), Layer(6, stride=2))))
    norm = model.encoder.norms[1] if side == "encoder" else model.decoder.norms[1]  # of the pair that is joined
    norm.weight.data[::2] = scale
    x = images(model.spec)
    with torch.inference_mode():
        assert relative(fold(model)(x), model(x)) < 1e-5


def test_the_encoder_alone_is_folded_wholly(trained, spec):
    model, _ = trained(spec)
    folded = fold_encoder(model.encoder)
    assert all(isinstance(norm, nn.Identity) for i, norm in enumerate(folded.norms, 1) if i not in spec.ends)
    x = images(spec)
    with torch.inference_mode():
        for layer in (1, 2, len(spec.full)):
            assert relative(folded.feature_map(x, layer), model.encoder.feature_map(x, layer)) < 1e-5
