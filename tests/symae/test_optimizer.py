import pytest
import torch
from torch import nn

from symae.optimizer import average_of, follow


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
