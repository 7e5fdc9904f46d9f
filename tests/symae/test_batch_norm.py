import copy

import pytest
import torch
from torch import nn

from symae.batch_norm import synchronise
from symae.launch import launch
from symae.randomness import Share
from symae.recipes import find
from symae.request import Request
from symae.together import connected

CPU = torch.device("cpu")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Sequential(nn.BatchNorm2d(4)))
    for norm in (layers[1], layers[3][0]):
        nn.init.uniform_(norm.weight)
        nn.init.uniform_(norm.bias)
    return layers.double()


def outcome(layers: nn.Module, share: Share) -> dict[str, torch.Tensor]:
    """What one step on a slice of a batch of 5 does: outputs, gradients of a sum over them, statistics."""
    draws = torch.Generator().manual_seed(1)
    images, weights = (torch.randn(shape, generator=draws).double() for shape in ((5, 3, 8, 9), (5, 4, 6, 7)))
    x = share.take(images).requires_grad_()
    y = layers(x)
    (y * share.take(weights)).sum().backward()
    gradients = {f"gradient {name}": parameter.grad for name, parameter in layers.named_parameters()}
    statistics = {f"statistic {name}": buffer for name, buffer in layers.named_buffers()}
    return {"y": y.detach(), "x": x.grad, **gradients, **statistics}


def step(request, say):
    layers = network()
    synchronise(layers, CPU)
    with connected(request.world, CPU):
        found = outcome(layers, Share.of(5, request.world.rank, request.world.size))
    torch.save(found, request.out / f"{request.world.rank}.pt")


def test_two_slices_are_normalised_as_one_batch(tmp_path):
    whole = outcome(network(), Share.of(5, 0, 1))
    launch(step, Request(find("pretrain"), data=None, out=tmp_path, devices=2), print)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name, expected in whole.items():
        if name in ("x", "y"):
            found = torch.cat([first[name], second[name]])
        else:
            found = first[name] + second[name] if name.startswith("gradient") else second[name]
        assert found.shape == expected.shape, name
        assert torch.allclose(found, expected, atol=1e-12, rtol=1e-10), name


def test_alone_and_in_evaluation_it_is_what_it_was():
    plain = network()
    shared = copy.deepcopy(plain)
    synchronise(shared, CPU)
    assert plain.state_dict().keys() == shared.state_dict().keys()
    for training in (True, False):
        x = torch.randn(4, 3, 8, 8).double()
        assert torch.equal(plain.train(training)(x), shared.train(training)(x))
    assert all(
        torch.equal(a, b) for a, b in zip(plain.state_dict().values(), shared.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("training", [True, False])
def test_it_stays_in_its_mode(training):
    layers = network().train(training)
    synchronise(layers, CPU)
    assert all(part.training is training for part in layers.modules())
