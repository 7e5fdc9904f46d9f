"""One picture of what a model does to held-out images, for the run directory."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.utils import make_grid

from serve.files import appears_whole
from symae.corruption import corrupt
from symae.data import Batch, Dataset, evaluation_batches
from symae.data.dataset import VOID, spread
from symae.evaluate import visible
from symae.randomness import generator
from symae.recipes import Recipe
from symae.weights import Model

__all__ = ["write"]

IMAGES = 8


def write(model: Model, recipe: Recipe, dataset: Dataset, path: Path, *, device: torch.device) -> None:
    """Draw a column for each of a few images, and save it as PNG; the file appears whole or not at all.

    Pre-training: clean, damaged, restored. Segmentation: image, given map, predicted map. Classification: the
    image under the names of the given and the predicted classes.
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
        return _grid([clean, visible(model, damage), model(damage.images, damage.masks)])
    assert targets is not None
    scores = model(clean)
    if recipe.stage == "segment":
        colours = torch.tensor(dataset.colours, dtype=torch.float32) / 255
        return _grid([clean, _paint(targets, colours), _paint(scores.argmax(1), colours)])
    given = [_names(row, dataset.classes) for row in targets.cpu()]
    probabilities = scores.sigmoid() > 0.5 if recipe.multi_label else scores.argmax(1)
    return _captioned(clean, given, [_names(row, dataset.classes) for row in probabilities.cpu()])


def _grid(rows: list[Tensor]) -> Image.Image:
    images = [row.cpu().float().clamp(0, 1) for row in rows]
    images = [row.expand(-1, 3, -1, -1) for row in images]
    sheet = make_grid(torch.cat(images), nrow=len(rows[0]), padding=4, pad_value=1.0)
    return Image.fromarray((sheet.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def _paint(labels: Tensor, colours: Tensor) -> Tensor:
    """Colour a label map (B, H, W); void is white."""
    palette = torch.ones(VOID + 1, 3)
    palette[: len(colours)] = colours
    return palette[labels.cpu().long()].permute(0, 3, 1, 2)


def _names(target: Tensor, classes: tuple[str, ...]) -> str:
    chosen = [int(target)] if target.ndim == 0 else (target == 1).nonzero().flatten().tolist()
    return ", ".join(classes[number] for number in chosen) or "none"


def _captioned(clean: Tensor, given: list[str], predicted: list[str]) -> Image.Image:
    side = max(clean.shape[-1], 96)
    sheet = Image.new("RGB", (len(clean) * (side + 8), clean.shape[-2] + 36), "white")
    draw = ImageDraw.Draw(sheet)
    for number, image in enumerate(clean):
        left = number * (side + 8) + 4
        sheet.paste(_grid([image.unsqueeze(0)]).crop((4, 4, 4 + image.shape[-1], 4 + image.shape[-2])), (left, 32))
        draw.text((left, 2), given[number], fill="black")
        draw.text((left, 16), predicted[number], fill="green" if given[number] == predicted[number] else "firebrick")
    return sheet
