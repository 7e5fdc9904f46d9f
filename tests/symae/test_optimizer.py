import pytest
import torch
from torch import nn

from symae.networks import SymmetricAutoencoder, pyramid
from symae.optimizer import average_of, follow, make_optimizer
from symae.recipes import find


def test_the_average_is_the_weighted_mean_of_all_steps_and_counts_like_the_model():
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.BatchNorm1d(1))
    average = average_of(model)
    expected = 0.0
    for steps, value in enumerate([4.0, 1.0, -2.0, 3.0]):
        nn.init.constant_(model[0].weight, value)
        model[1].num_batches_tracked.add_(1)
        follow(average, model, steps, decay=0.15)
        share = min(0.15, (1 + steps) / (10 + steps)) if steps else 0.0
        expected = share * expected + (1 - share) * value
        assert average.module[0].weight.flatten().tolist() == pytest.approx([expected] * 2)
    assert average.module[1].num_batches_tracked == 4
    assert average.n_averaged == 4


def test_the_average_has_no_gradients_and_leaves_the_model_its_own():
    model = nn.Linear(2, 1)
    average = average_of(model)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    follow(average, model, 0, 0.9)
    before = model.weight.clone()
    average.module.weight.add_(1)
    assert torch.equal(model.weight, before)


def test_muon_knows_convolutions_from_deconvolutions_and_keeps_the_factors_of_groups():
    model = SymmetricAutoencoder(pyramid((4, 6)))
    norms = nn.BatchNorm2d(3)
    groups = [
        {"params": list(model.parameters()), "factor": 1.0},
        {"params": list(norms.parameters()), "factor": 0.5},
    ]
    optimizer = make_optimizer(find("restore-pyramid-colour"), model, groups)
    kinds = {id(p): (group["kind"], group["factor"]) for group in optimizer.param_groups for p in group["params"]}
    assert {kinds[id(module.weight)] for module in model.modules() if isinstance(module, nn.Conv2d)} == {
        ("convolution", 1)
    }
    deconvolutions = [module for module in model.modules() if isinstance(module, nn.ConvTranspose2d)]
    assert {kinds[id(module.weight)] for module in deconvolutions} == {("deconvolution", 1)}
    assert {kinds[id(parameter)] for parameter in norms.parameters()} == {("other", 0.5)}
    assert len(kinds) == len(list(model.parameters())) + 2
