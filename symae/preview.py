"""One picture of what a model does to held-out images, for the run directory."""

from __future__ import annotations

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
from symae.randomness import generator
from symae.recipes import Recipe
from symae.weights import Model

__all__ = ["write"]

IMAGES = 8


def write(model: Model, recipe: Recipe, dataset: Dataset, path: Path, *, device: torch.device) -> None:
    """Draw a column for each of a few images, and save it as PNG; the file appears whole or not at all.

    Pre-training: clean, damaged, restored. Segmentation: image, given map, predicted map. Classification: the
    image above the names of the given and the predicted classes.
    """
    training = model.training
    model.eval()
    with torch.inference_mode():
        batch = _first(dataset, recipe, device)
        clean = batch.images.float() / 255
        picture = _draw(model, recipe, dataset, clean, batch.targets)
    model.train(training)
    with appears_whole(path) as file:
        picture.save(file, "PNG")


def _first(dataset: Dataset, recipe: Recipe, device: torch.device) -> Batch:
    some = spread(dataset, IMAGES)
    return next(evaluation_batches(some, batch_size=IMAGES, crop=recipe.crop, resize=recipe.resize, device=device))


def _draw(model: Model, recipe: Recipe, dataset: Dataset, clean: Tensor, targets: Tensor | None) -> Image.Image:
    if recipe.stage == "pretrain":
        damage = corrupt(recipe.corruption, clean, generator(clean.device, "preview"))
        restored = model(damage.images, damage.masks)
        return draw_sheet([_row("clean", clean), _row("damaged", visible(model, damage)), _row("restored", restored)])
    assert targets is not None
    scores = model(clean)
    if recipe.stage == "segment":
        colours = torch.tensor(dataset.colours, dtype=torch.float32) / 255
        maps = (_paint(targets, colours), _paint(scores.argmax(1), colours))
        return draw_sheet([_row("image", clean), _row("given", maps[0]), _row("predicted", maps[1])])
    given = [_names(row, dataset.classes) for row in targets.cpu()]
    probabilities = scores.sigmoid() > 0.5 if recipe.multi_label else scores.argmax(1)
    return _captioned(clean, given, [_names(row, dataset.classes) for row in probabilities.cpu()])


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


def _captioned(clean: Tensor, given: list[str], predicted: list[str]) -> Image.Image:
    words = [
        (Words(truth), Words(guess, "green" if guess == truth else "firebrick"))
        for truth, guess in zip(given, predicted, strict=True)
    ]
    return draw_sheet([Row(tuple(Cell(to_pixels(image), lines) for image, lines in zip(clean, words, strict=True)))])
