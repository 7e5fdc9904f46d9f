import dataclasses

import pytest
import torch

from symae.metrics import psnr
from symae.networks import network1, network2, network3, rednet
from symae.probe.features import LayerFeatures
from symae.probe.reconstruction import EPOCHS, TOLERANCE, Stack, fit_stack, stack_spec

CIFAR, STL, VOC = (network1(), 29), (network1((2, 2, 3, 3), 64), 89), (network3(), 225)


def specs(network, side):
    return [stack_spec(network, layer, side) for layer in range(1, len(network.full) + 1)]


@pytest.mark.parametrize(("network", "side"), [CIFAR, STL, (network2(), 29), VOC, (rednet(8), 32)])
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_every_depth_has_as_many_parameters(network, side, width):
    found = specs(dataclasses.replace(network, width=width), side)
    counts = [spec.parameters for spec in found]
    assert max(counts) <= (1 + TOLERANCE) * min(counts)
    assert len({len(spec.strides) for spec in found}) == 1
    built = Stack(found[-1])
    assert sum(parameter.numel() for parameter in built.parameters()) == found[-1].parameters


@pytest.mark.parametrize("side", [29, 32, 17])
def test_strides_bring_every_map_back_to_the_image(side):
    network = dataclasses.replace(network2(), width=0.125)
    for layer, spec in enumerate(specs(network, side), 1):
        assert torch.tensor(spec.strides).prod() == 2 ** sum(step.stride == 2 for step in network.full[:layer])
        maps = torch.zeros(2, network.layers[layer - 1].channels, *(network.sizes(side)[layer],) * 2)
        assert Stack(spec)(maps).shape == (2, 3, side, side)


def quality(encoder, pictures, rows, seed=0, trained=100):
    """PSNR in dB of a stack that is given the maps of `rows` for the pictures, the first of which it is trained on."""
    features = LayerFeatures(encoder, 1, pictures, lambda _: None)
    stack = Stack(stack_spec(encoder.spec, 1, pictures.shape[-1]))
    images = encoder.normalise(pictures.float() / 255)
    fit_stack(stack, lambda at: (features.maps(rows[at]), images[at]), torch.arange(trained), seed, lambda _: None)
    with torch.no_grad():
        restored = stack(features.maps(rows[trained:])) * encoder.std + encoder.mean
    return psnr(restored, pictures[trained:].float() / 255).mean().item()


def test_maps_that_hold_the_image_reconstruct_better_than_those_of_other_images(identity, many_pictures):
    rows = torch.arange(len(many_pictures))
    own, others = (quality(identity, many_pictures, given, trained=600) for given in (rows, rows.roll(7)))
    assert own > others + 3


def test_the_same_seed_gives_the_same_stack(identity, pictures):
    rows = torch.arange(len(pictures))
    first, again, other = (quality(identity, pictures, rows, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_progress_counts_every_image_of_every_epoch(identity, pictures):
    told = []
    features = LayerFeatures(identity, 1, pictures, lambda _: None)
    stack = Stack(stack_spec(identity.spec, 1, 12))
    images = pictures.float()
    fit_stack(stack, lambda at: (features.maps(at), images[at]), torch.arange(70), 0, told.append)
    assert told == [64, 6] * EPOCHS
