"""The three stages of training: what each one minimises (section 3.3; section 5).

A stage is a head (symae/weights.py builds it) and a loss. All losses take the clean crops, the damaged
ones and the targets, so that one training loop serves the three.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from symae.corruption import Corrupted
from symae.data.dataset import VOID, Target
from symae.recipes import Recipe
from symae.weights import Model

__all__ = ["Counted", "Loss", "counted_of", "loss_of", "target_of"]

PERFECT = 1e-4  # mean square error, in normalised units, that is taken for none: where PSNR is about 52 dB
DECIBELS = 10 / math.log(10)

Loss = Callable[[Model, Tensor, Corrupted, Tensor | None], Tensor]
Counted = Callable[[Corrupted, Tensor | None], Tensor]


def loss_of(recipe: Recipe) -> Loss:
    """The loss that a recipe minimises."""
    if recipe.stage == "pretrain":
        return {"image": reconstruction_loss, "masked": masked_loss, "psnr": psnr_loss, "rmse": rmse_loss}[recipe.loss]
    if recipe.stage == "segment":
        return segmentation_loss
    if recipe.multi_label:
        return multi_label_loss
    smoothing = recipe.label_smoothing
    return partial(classification_loss, smoothing=smoothing) if smoothing else classification_loss


def counted_of(recipe: Recipe) -> Counted | None:
    """What a recipe's loss is the mean over, where it is not all images alike: the number of pixels or answers."""
    if recipe.stage == "pretrain" and recipe.loss == "masked":
        return lambda damaged, _: _given(damaged.masks).sum()
    if recipe.stage == "segment" or recipe.multi_label:
        return lambda _, targets: (_given(targets) != VOID).sum()
    return None


def target_of(recipe: Recipe) -> Target:
    """The kind of target that a recipe's images must come with."""
    if recipe.stage == "pretrain":
        return Target.CLASS if recipe.only_classes else Target.NONE  # classes choose images, no loss sees them
    if recipe.stage == "segment":
        return Target.MAP
    return Target.MULTILABEL if recipe.multi_label else Target.CLASS


def reconstruction_loss(model: Model, clean: Tensor, damaged: Corrupted, _: Tensor | None) -> Tensor:
    """Mean square error between x and f(x~) over the whole image, in normalised units (section 3.3)."""
    restored: Tensor = model(damaged.images, damaged.masks)
    return ((restored - clean) / model.encoder.std).square().mean()


def psnr_loss(model: Model, clean: Tensor, damaged: Corrupted, _: Tensor | None) -> Tensor:
    """By how many dB the PSNR is below that of a picture taken for perfect, mean over the images; never negative."""
    return DECIBELS * (_errors(model, clean, damaged) / PERFECT).log1p().mean()


def rmse_loss(model: Model, clean: Tensor, damaged: Corrupted, _: Tensor | None) -> Tensor:
    """Root mean square error of each image, in normalised units, mean over the images; sqrt(PERFECT) at least."""
    return (_errors(model, clean, damaged) + PERFECT).sqrt().mean()


def _errors(model: Model, clean: Tensor, damaged: Corrupted) -> Tensor:
    """Mean square error (B,) of each image, in normalised units."""
    restored: Tensor = model(damaged.images, damaged.masks)
    return ((restored - clean) / model.encoder.std).square().mean((1, 2, 3))


def masked_loss(model: Model, clean: Tensor, damaged: Corrupted, _: Tensor | None) -> Tensor:
    """Mean square error over the missing pixels alone, as Context Encoder's (section 3.3); in normalised units."""
    masks = _given(damaged.masks)[:, None]  # (B, 1, H, W)
    restored: Tensor = model(damaged.images, damaged.masks)
    errors = ((restored - clean) / model.encoder.std).square() * masks
    return errors.sum() / (masks.sum() * clean.shape[1]).clamp(min=1)


def classification_loss(
    model: Model, _: Tensor, damaged: Corrupted, targets: Tensor | None, smoothing: float = 0.0
) -> Tensor:
    """Cross entropy of the softmax; targets (B,) int64, or (B, K) float, the share of each class."""
    return F.cross_entropy(model(damaged.images, damaged.masks), _given(targets), label_smoothing=smoothing)


def multi_label_loss(model: Model, _: Tensor, damaged: Corrupted, targets: Tensor | None) -> Tensor:
    """Mean binary cross entropy of the sigmoids; targets (B, K) uint8, VOID where an answer does not count."""
    labels = _given(targets)
    scores = model(damaged.images, damaged.masks)
    counted = labels != VOID
    losses = F.binary_cross_entropy_with_logits(scores, (labels == 1).to(scores.dtype), reduction="none")
    return torch.where(counted, losses, 0).sum() / counted.sum().clamp(min=1)


def segmentation_loss(model: Model, _: Tensor, damaged: Corrupted, targets: Tensor | None) -> Tensor:
    """Cross entropy of every pixel's softmax; targets (B, H, W) uint8, VOID where a pixel does not count."""
    labels = _given(targets).long()
    losses = F.cross_entropy(model(damaged.images, damaged.masks), labels, ignore_index=VOID, reduction="sum")
    return losses / (labels != VOID).sum().clamp(min=1)


def _given(targets: Tensor | None) -> Tensor:
    if targets is None:
        raise TypeError("this stage needs targets; the data set was opened without")
    return targets
