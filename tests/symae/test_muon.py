import pytest
import torch
from torch import nn

from symae.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(4, 30), (30, 4), (7, 7), (1, 5)])
def test_all_singular_values_come_near_one_and_the_directions_stay(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix[None])[0])
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ orthogonal(matrix[None])[0] @ right.T
    torch.testing.assert_close(turned, torch.diag(turned.diag()), atol=1e-4, rtol=0)


def test_many_matrices_are_made_orthogonal_each_by_itself():
    matrices = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([orthogonal(matrix[None]) for matrix in matrices])
    torch.testing.assert_close(orthogonal(matrices), alone)


def test_convolutions_that_step_together_step_as_each_would_alone():
    def layers():
        torch.manual_seed(0)
        made = nn.ModuleList([nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, 3), nn.Conv2d(6, 4, 3), nn.ConvTranspose2d(6, 4, 3)])
        for weight in made.parameters():
            weight.grad = torch.randn_like(weight)
        return made

    together, alone = layers(), layers()
    Muon([{"params": list(together.parameters())}], [together[3].weight], 0.1, 0.1).step()
    for layer in alone:
        Muon([{"params": list(layer.parameters())}], [alone[3].weight], 0.1, 0.1).step()
    for ours, theirs in zip(together.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_zeros_stay_zeros():
    assert torch.equal(orthogonal(torch.zeros(1, 3, 5)), torch.zeros(1, 3, 5))


def one_step(module, lr=0.1, weight_decay=0.0):
    transposed = [module.weight] if isinstance(module, nn.ConvTranspose2d) else []
    before = module.weight.detach().clone()
    Muon([{"params": list(module.parameters())}], transposed, lr, weight_decay).step()
    return module.weight.detach() - before


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_convolution_moves_against_its_gradient_by_about_the_step_of_adam(kind):
    torch.manual_seed(0)
    layer = kind(8, 16, 3)
    layer.weight.grad = torch.randn_like(layer.weight) * 1e-5  # whatever its size is
    moved = one_step(layer)
    assert moved.square().mean().sqrt().item() == pytest.approx(0.1 * 0.2, rel=0.2)
    assert (moved * layer.weight.grad).sum() < 0


def test_a_deconvolution_moves_as_the_convolution_that_it_is_the_transpose_of():
    torch.manual_seed(0)
    convolution, deconvolution = nn.Conv2d(6, 4, 3, bias=False), nn.ConvTranspose2d(6, 4, 3, bias=False)
    convolution.weight.grad = torch.randn_like(convolution.weight)
    deconvolution.weight.grad = convolution.weight.grad.transpose(0, 1).contiguous()
    torch.testing.assert_close(one_step(deconvolution).transpose(0, 1), one_step(convolution))


def test_what_is_no_convolution_moves_as_by_adam():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    muon = Muon([{"params": list(ours.parameters())}], [], 0.01, 0.1)
    adam = torch.optim.AdamW(theirs.parameters(), 0.01, weight_decay=0.1)
    for _ in range(4):
        for ours_too, theirs_too in zip(ours.parameters(), theirs.parameters(), strict=True):
            ours_too.grad = torch.randn_like(ours_too)
            theirs_too.grad = ours_too.grad.clone()
        muon.step()
        adam.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_weights_decay_apart_from_the_gradient():
    layer = nn.Conv2d(3, 3, 1, bias=False)
    layer.weight.grad, before = torch.zeros_like(layer.weight), layer.weight.detach().clone()
    torch.testing.assert_close(one_step(layer, 0.1, 0.5), -0.05 * before)


def test_a_continued_optimiser_steps_as_the_uninterrupted_one():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    gradients = [[torch.randn_like(weight) for weight in layers[0].parameters()] for _ in range(3)]
    optimizers = [Muon([{"params": list(layer.parameters())}], [], 0.01) for layer in layers]
    for number, step in enumerate(gradients):
        if number == 2:
            fresh = Muon([{"params": list(layers[1].parameters())}], [], 0.01)
            fresh.load_state_dict(optimizers[1].state_dict())
            optimizers[1] = fresh
        for layer, optimizer in zip(layers, optimizers, strict=True):
            for weight, gradient in zip(layer.parameters(), step, strict=True):
                weight.grad = gradient.clone()
            optimizer.step()
    assert torch.equal(layers[0].weight, layers[1].weight)
    assert torch.equal(layers[0].bias, layers[1].bias)


def test_a_closure_gives_the_loss():
    layer = nn.Conv2d(1, 1, 1)
    optimizer = Muon([{"params": list(layer.parameters())}], [], 0.1)

    def closure():
        optimizer.zero_grad()
        loss = layer(torch.ones(1, 1, 1, 1)).square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses[-1] < losses[0]
