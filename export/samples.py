"""Images to calibrate a graph with, and others to measure it on: as a server would get them.

They are cropped as in validation and, for an auto-encoder, damaged as in training, then rounded to bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from symae.corruption import corrupt
from symae.data import DataOptions, Dataset, Subset, Target, evaluation_batches, open_dataset
from symae.data.dataset import spread
from symae.errors import DataError
from symae.randomness import generator
from symae.recipes import Recipe
from symae.request import open_part, open_validation
from symae.run import open_run

__all__ = ["CALIBRATION", "HELD_OUT", "Sample", "draw", "images_of"]

CALIBRATION = 64  # images
HELD_OUT = {
    "pretrain": 1000,
    "classify": 4000,
    "segment": 1000,
}  # where 3 % of 4,000 labels change, +- 0.3 points are chance
BATCH = 32


@dataclass(frozen=True)
class Sample:
    """A batch of images as a server gets them, and what should come out.

    Attributes:
        inputs: image (N, S, S, C) and mask (N, S, S), not zero where a pixel is missing; uint8.
        clean: (N, S, S, C) uint8, before the damage.
        targets: (N,) int64 | (N, K) uint8 | (N, S, S) uint8 | None, as a `Batch` has them.
    """

    inputs: dict[str, NDArray[np.uint8]]
    clean: NDArray[np.uint8]
    targets: NDArray[np.generic] | None


def images_of(run: Path, given: str | None = None) -> tuple[Recipe, Dataset]:
    """Open the images that a run validates on, or what is given in their place; never a test set.

    Args:
        run: run directory, whose recipe says how images are cropped and damaged.
        given: folder or shards, taken without labels; None: the run's own held-out images or, where it held none out,
            training images.

    Raises:
        RunError: `run` is no run directory.
        DataError: the images are not there.
    """
    known = open_run(run)
    recipe = known.recipe
    if given is not None:
        options = DataOptions(channels=recipe.network.channels)
        return recipe, open_dataset(given, target=Target.NONE, part="train", options=options)
    held_out = open_validation(recipe, known.data, known.seed)
    return recipe, held_out or open_part(recipe, known.data, "train", known.seed)


def draw(recipe: Recipe, images: Dataset) -> tuple[list[Sample], list[Sample]]:
    """Share a data set out: some images to calibrate with, and others, up to `HELD_OUT` of its stage, to measure on.

    Raises:
        DataError: there are fewer than two images.
    """
    chosen = spread(images, CALIBRATION + HELD_OUT[recipe.stage])
    if len(chosen) < 2:
        raise DataError(
            f"{images.name} has {len(chosen)} images: one is needed to calibrate with and one to measure on"
        )
    count = min(CALIBRATION, len(chosen) // 2)
    marked = np.zeros(len(chosen), bool)
    marked[np.linspace(0, len(chosen) - 1, count).astype(int)] = True
    calibration, held_out = (Subset(chosen, np.flatnonzero(share)) for share in (marked, ~marked))
    return list(_samples(recipe, calibration, 0)), list(_samples(recipe, held_out, 1))


def _samples(recipe: Recipe, images: Dataset, seed: int) -> Iterator[Sample]:
    cpu = torch.device("cpu")
    batches = evaluation_batches(images, batch_size=BATCH, crop=recipe.crop, resize=recipe.resize, device=cpu)
    for number, batch in enumerate(batches):
        damaged, masks = batch.images.float() / 255, None
        if recipe.stage == "pretrain":
            damage = corrupt(recipe.corruption, damaged, generator(cpu, seed, "precision", number))
            damaged, masks = damage.images, damage.masks
        image = _last((damaged.clamp(0, 1) * 255).round().to(torch.uint8))
        mask = np.zeros(image.shape[:3], np.uint8) if masks is None else masks.numpy().astype(np.uint8)
        targets = None if batch.targets is None else batch.targets.numpy()
        yield Sample({"image": image, "mask": mask}, _last(batch.images), targets)


def _last(images: torch.Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())  # (N, H, W, C)
