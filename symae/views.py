"""What the network sees of a batch: its images varied, then damaged, with draws of one purpose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from symae.augmentation import Augmented, augment
from symae.corruption import Corrupted, corrupt
from symae.randomness import Share, generator
from symae.recipes import Recipe
from symae.together import whole_batch

__all__ = ["View", "Views", "in_unit_range"]


@dataclass(frozen=True)
class View:
    """One batch as a training step takes it.

    Attributes:
        clean: (B, C, S, S) float32 in [0, 1], varied.
        damaged: what became of them.
        targets: as the batch has them, or (B, K) float32 where images were mixed.
    """

    clean: Tensor
    damaged: Corrupted
    targets: Tensor | None


class Views:
    """Varies and damages batches as a recipe has it; the same (seed, epoch, step) gives the same view.

    Args:
        recipe: how far.
        seed: of the run.
        share: the slice of every batch that this process gets.
        classes: their number K; 0 where images are of no class.
        purpose: begins the names of what is drawn, so that two batches of one step have draws of their own.
    """

    def __init__(self, recipe: Recipe, seed: int, share: Share, classes: int = 0, purpose: str = "") -> None:
        self._recipe = recipe
        self._seed = seed
        self._share = share
        self._classes = classes
        self._purpose = purpose

    def make(self, images: Tensor, targets: Tensor | None, epoch: int, step: int) -> View:
        """Vary and damage (B, C, S, S) uint8 images, on their device."""
        varied = self._vary(in_unit_range(images), targets, self._draws("augmentation", images, epoch, step))
        clean = varied.images.contiguous(memory_format=torch.channels_last)
        return View(clean, self._damage(clean, self._draws("corruption", images, epoch, step)), varied.targets)

    def _draws(self, what: str, images: Tensor, epoch: int, step: int) -> torch.Generator:
        return generator(images.device, self._seed, self._purpose + what, epoch, step, 0)  # 0: of all processes

    def _vary(self, images: Tensor, targets: Tensor | None, draws: torch.Generator) -> Augmented:
        augmentation = self._recipe.augmentation
        if not augmentation.varies:
            return Augmented(images, targets)
        gather = partial(whole_batch, share=self._share)
        return augment(augmentation, images, targets, draws, self._classes, self._share, gather)

    def _damage(self, clean: Tensor, draws: torch.Generator) -> Corrupted:
        recipe = self._recipe
        if recipe.corruption_probability == 0:
            return Corrupted(clean)
        damaged = corrupt(recipe.corruption, clean, draws, self._share)
        if recipe.corruption_probability == 1:
            return damaged
        rolls = torch.rand(self._share.whole, generator=draws, device=clean.device)
        chosen = self._share.take(rolls) < recipe.corruption_probability
        masks = None if damaged.masks is None else damaged.masks & chosen[:, None, None]
        return Corrupted(torch.where(chosen[:, None, None, None], damaged.images, clean), masks)


def in_unit_range(images: Tensor) -> Tensor:
    """uint8 to float32 in [0, 1]."""
    return images.float() / 255
