"""How weights move, and how their average follows them."""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from symae.muon import Muon
from symae.recipes import Recipe

__all__ = ["average_of", "follow", "make_optimizer"]


def make_optimizer(recipe: Recipe, model: nn.Module, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Build the recipe's optimiser for groups of a model's parameters."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "muon":
        return Muon(groups, _transposed(model), lr=rate, weight_decay=decay)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, weight_decay=decay, fused=True)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=rate, weight_decay=decay, fused=True)


def _transposed(model: nn.Module) -> list[Tensor]:
    return [module.weight for module in model.modules() if isinstance(module, nn.ConvTranspose2d)]


def average_of(model: nn.Module) -> AveragedModel:
    """Make the average of a model's weights and BN statistics, which for now is the model; `follow` moves it."""
    average = AveragedModel(model, use_buffers=True)
    average.requires_grad_(False)
    return average


@torch.no_grad()
def follow(average: AveragedModel, model: nn.Module, steps: int, decay: float) -> None:
    """Move the average by one step; the first steps weigh more, so that the drawn weights are soon forgotten.

    PyTorch's own way reads the number of steps from the device, once for every tensor; each look waits for it.

    Args:
        average: of the model.
        model: has just made a step.
        steps: number of steps that the average has followed before.
        decay: what remains of the average at each step, in [0, 1).
    """
    olds = list(chain(average.module.parameters(), average.module.buffers()))
    news = list(chain(model.parameters(), model.buffers()))
    floats = [number for number, old in enumerate(olds) if old.is_floating_point() and steps]
    share = min(decay, (1 + steps) / (10 + steps))
    moved = torch._foreach_lerp([news[i] for i in floats], [olds[i] for i in floats], share) if floats else ()
    for number, new in zip(floats, moved, strict=True):
        news[number] = new
    torch._foreach_copy_(olds, news)
    average.n_averaged += 1
