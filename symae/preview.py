"""What a model does to a few held-out pictures: one picture of it for the run directory, see `write`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from serve.files import appears_whole
from symae.corruption import corrupt
from symae.data import Batch, Dataset, evaluation_batches
from symae.data.dataset import VOID, spread
from symae.drawing import Cell, Row, Words, draw_sheet, to_pixels
from symae.evaluate import visible
from symae.metrics import psnr
from symae.randomness import generator
from symae.recipes import Recipe
from symae.weights import Model

__all__ = ["Look", "look", "write"]

IMAGES = 8


@dataclass(frozen=True, eq=False)
class Look:
    """Some pictures, and what a model makes of them.

    Attributes:
        given: what does not depend on the model, by name: "clean" and "damaged", "image" and "given", or "image";
            (B, C, H, W) float in [0, 1], C 1 or 3.
        made: the same of what the model gives: "restored" or "predicted"; empty for classes.
        truth: the given classes of each picture in words; empty where there are none.
        said: of each picture, how good the result is, or the predicted classes in words.
    """

    given: Mapping[str, Tensor]
    made: Mapping[str, Tensor] = field(default_factory=dict)
    truth: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def look(model: Model, recipe: Recipe, dataset: Dataset, batch: Batch) -> Look:
    """Give pictures to a model, in evaluation mode; its own mode comes back afterwards.

    The damage is the same each time, and no generator of the training is touched.
    """
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            clean = batch.images.float() / 255
            if recipe.stage == "pretrain":
                return _restored(model, recipe, clean)
            assert batch.targets is not None
            see = _segmented if recipe.stage == "segment" else _classified
            return see(model, recipe, dataset, clean, batch.targets)
    finally:
        model.train(training)


def write(model: Model, recipe: Recipe, dataset: Dataset, path: Path, *, device: torch.device) -> None:
    """Draw a column for each of a few images, and save it as PNG; the file appears whole or not at all.

    Pre-training: clean, damaged, restored. Segmentation: image, given map, predicted map. Classification: the
    image above the names of the given and the predicted classes.
    """
    some = spread(dataset, IMAGES)
    batch = next(evaluation_batches(some, batch_size=IMAGES, crop=recipe.crop, resize=recipe.resize, device=device))
    seen = look(model, recipe, dataset, batch)
    with appears_whole(path) as file:
        _draw(seen).save(file, "PNG")


def _restored(model: Model, recipe: Recipe, clean: Tensor) -> Look:
    damage = corrupt(recipe.corruption, clean, generator(clean.device, "preview"))
    restored = model(damage.images, damage.masks)
    said = tuple(f"{value:.1f} dB" for value in psnr(restored, clean).tolist())
    return Look({"clean": clean, "damaged": visible(model, damage)}, {"restored": restored}, said=said)


def _segmented(model: Model, _: Recipe, dataset: Dataset, clean: Tensor, targets: Tensor) -> Look:
    colours = torch.tensor(dataset.colours, dtype=torch.float32) / 255
    labels = model(clean).argmax(1)
    counted = targets != VOID
    right = ((labels == targets) & counted).flatten(1).sum(1) / counted.flatten(1).sum(1).clamp(min=1)
    given = {"image": clean, "given": _paint(targets, colours)}
    return Look(given, {"predicted": _paint(labels, colours)}, said=tuple(f"{100 * v:.0f} %" for v in right.tolist()))


def _classified(model: Model, recipe: Recipe, dataset: Dataset, clean: Tensor, targets: Tensor) -> Look:
    scores = model(clean)
    predicted = scores.sigmoid() > 0.5 if recipe.multi_label else scores.argmax(1)
    truth, said = (tuple(_names(row, dataset.classes) for row in rows.cpu()) for rows in (targets, predicted))
    return Look({"image": clean}, truth=truth, said=said)


def _draw(seen: Look) -> Image.Image:
    if not seen.truth:
        return draw_sheet([_row(label, images) for label, images in {**seen.given, **seen.made}.items()])
    words = [
        (Words(truth), Words(said, "green" if said == truth else "firebrick"))
        for truth, said in zip(seen.truth, seen.said, strict=True)
    ]
    cells = (Cell(to_pixels(image), lines) for image, lines in zip(seen.given["image"], words, strict=True))
    return draw_sheet([Row(tuple(cells))])


def _row(label: str, images: Tensor) -> Row:
    return Row(tuple(Cell(to_pixels(image)) for image in images), label)


def _paint(labels: Tensor, colours: Tensor) -> Tensor:
    """Colour a label map (B, H, W); void is white."""
    palette = torch.ones(VOID + 1, 3)
    palette[: len(colours)] = colours
    return palette[labels.cpu().long()].permute(0, 3, 1, 2)


def _names(target: Tensor, classes: tuple[str, ...]) -> str:
    chosen = [int(target)] if target.ndim == 0 else (target == 1).nonzero().flatten().tolist()
    return ", ".join(classes[number] for number in chosen) or "none"
