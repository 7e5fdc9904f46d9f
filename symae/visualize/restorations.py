"""Figure 2, and figures 1 to 3 of the supplement: clean images, and each kind of damage above what is made of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from symae.corruption import BigBlock, Corruption, GaussianNoise, Mixture, SmallBlocks, corrupt
from symae.drawing import Cell, Row, Words, to_pixels
from symae.errors import RunError
from symae.evaluate import visible
from symae.metrics import psnr
from symae.randomness import generator
from symae.visualize.images import Picture
from symae.visualize.trained import Trained

__all__ = ["restoration_rows"]


def restoration_rows(trained: Trained, pictures: Sequence[Picture], *, sigma: float, seed: int) -> list[Row]:
    """Damage and restore images in the figure's three ways; PSNR in dB below each.

    Args:
        trained: an auto-encoder.
        pictures: a column each.
        sigma: of the pixel noise, on the 0-255 scale.
        seed: of the damage; an image gets the same whatever run restores it.

    Raises:
        RunError: the run is a classifier or a segmenter.
    """
    if trained.card.stage != "pretrain":
        raise RunError(
            f"{trained.run.path} is a run of {trained.run.recipe.name}, which restores no images: give the run of an "
            "auto-encoder, or --layer L for the feature maps of this one"
        )
    rows = [Row(tuple(Cell(to_pixels(picture.image[0]), (Words(picture.name),)) for picture in pictures), "clean")]
    learnt = _kinds(trained.run.recipe.corruption)
    for name, damage in _damages(sigma).items():
        label = name if damage.kind in learnt else f"{name}\n(not trained for)"
        rows += _pair(trained, pictures, label, damage, seed)
    return rows


def _damages(sigma: float) -> dict[str, Corruption]:
    """The three rows of figure 2."""
    return {
        f"pixel Gaussian\nσ = {sigma:g}": GaussianNoise(sigma),
        "one big block": BigBlock(),
        "many small blocks": SmallBlocks(),
    }


def _kinds(corruption: Corruption) -> set[str]:
    return {part.kind for part in corruption.parts} if isinstance(corruption, Mixture) else {corruption.kind}


def _pair(trained: Trained, pictures: Sequence[Picture], label: str, damage: Corruption, seed: int) -> list[Row]:
    damaged, restored = [], []
    for number, picture in enumerate(pictures):
        before, after = _restore(trained, picture.image, damage, seed, number)
        damaged.append(_measured(before, picture.image))
        restored.append(_measured(after, picture.image))
    return [Row(tuple(damaged), label, apart=True), Row(tuple(restored), "restored")]


def _restore(trained: Trained, image: Tensor, damage: Corruption, seed: int, number: int) -> tuple[Tensor, Tensor]:
    draws = generator("cpu", seed, "figure", damage.kind, number)  # the same damage on every device
    found = corrupt(damage, image, draws).to(trained.device)
    with torch.inference_mode():
        return visible(trained.model, found).cpu(), trained.model(found.images, found.masks).float().cpu()


def _measured(image: Tensor, clean: Tensor) -> Cell:
    return Cell(to_pixels(image[0]), (Words(f"{psnr(image, clean).item():.2f} dB"),))
