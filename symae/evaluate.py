"""Measure a model on held-out images. Training validates through the same functions as `symae evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.functional.image import structural_similarity_index_measure

from symae.class_scores import ClassScores, of_confusion, plain
from symae.coarse import coarse_classes
from symae.corruption import Corrupted, corrupt
from symae.data import Batch, Dataset, evaluation_batches
from symae.data.dataset import VOID
from symae.metrics import psnr, voc2007_average_precision
from symae.randomness import generator
from symae.recipes import Recipe
from symae.weights import Model

__all__ = ["Measured", "Reconstruction", "evaluate", "measure", "reconstructions", "visible"]


@dataclass(frozen=True)
class Reconstruction:
    """A batch, what it was damaged to, and what the model made of that; all (B, C, H, W) in [0, 1]."""

    clean: Tensor
    damaged: Tensor
    restored: Tensor


@dataclass(frozen=True)
class Measured:
    """What was measured: values by name, and of a classifier or segmenter those of each class."""

    values: dict[str, float]
    classes: ClassScores | None = None


def evaluate(
    model: Model, recipe: Recipe, dataset: Dataset, *, device: torch.device, seed: int = 0
) -> dict[str, float]:
    """Measure a model on a data set, in evaluation mode; its own mode comes back afterwards.

    Args:
        model: of the recipe's stage, on `device`.
        recipe: says how images are cropped and, for an auto-encoder, damaged.
        dataset: with the recipe's kind of target.
        device: where to compute.
        seed: of random crops and of the damage; the same seed gives the same numbers.

    Returns:
        By stage: psnr, psnr_input (dB) and ssim; accuracy (%); mean_average_precision (%); mean_iou and
        pixel_accuracy (%). Where the classes are VOC's or CIFAR-10's, accuracy and mean_average_precision also of
        their animals and vehicles, e.g. accuracy_animal: see `symae.coarse`.
    """
    return measure(model, recipe, dataset, device=device, seed=seed).values


def measure(model: Model, recipe: Recipe, dataset: Dataset, *, device: torch.device, seed: int = 0) -> Measured:
    """Measure a model as `evaluate` does, and tell of each class, too."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            if recipe.stage == "pretrain":
                return Measured(_restoration(reconstructions(model, recipe, dataset, device=device, seed=seed)))
            scored = _scores(model, recipe, dataset, device, seed)
            if recipe.stage == "segment":
                return _segmentation(scored, dataset.classes)
            return (_multi_label if recipe.multi_label else _accuracy)(scored, dataset.classes)
    finally:
        model.train(training)


def reconstructions(
    model: Model, recipe: Recipe, dataset: Dataset, *, device: torch.device, seed: int = 0
) -> Iterator[Reconstruction]:
    """Damage and restore a data set, batch by batch; the same seed gives the same damage."""
    for number, batch in enumerate(_batches(recipe, dataset, device, seed)):
        clean = _unit(batch.images)
        damage = corrupt(recipe.corruption, clean, generator(device, seed, "evaluation", number))
        restored = model(damage.images, damage.masks)
        yield Reconstruction(clean, visible(model, damage), restored.clamp(0, 1))


def _restoration(restored: Iterable[Reconstruction]) -> dict[str, float]:
    before, after, similar = [], [], []
    for batch in restored:
        before.append(psnr(batch.damaged, batch.clean))
        after.append(psnr(batch.restored, batch.clean))
        if min(batch.clean.shape[-2:]) >= 11:  # the window of SSIM
            ssim = structural_similarity_index_measure(batch.restored, batch.clean, data_range=1.0, reduction="none")
            similar.append(torch.as_tensor(ssim).reshape(-1))
    values = {"psnr": _mean(after), "psnr_input": _mean(before)}
    return {**values, "ssim": _mean(similar)} if similar else values


def visible(model: Model, damage: Corrupted) -> Tensor:
    """The damaged images (B, C, H, W) as the network sees them: missing pixels filled."""
    if damage.masks is None:
        return damage.images
    x = model.encoder.normalise(damage.images, damage.masks)
    return x * model.encoder.std + model.encoder.mean


def _scores(
    model: Model, recipe: Recipe, dataset: Dataset, device: torch.device, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    crops = recipe.test_crops if isinstance(recipe.test_crops, int) else 1
    for batch in _batches(recipe, dataset, device, seed):
        assert batch.targets is not None
        scores = model(_unit(batch.images)).float()
        if recipe.stage == "classify":
            probabilities = scores.sigmoid() if recipe.multi_label else scores.softmax(1)
            scores = probabilities.unflatten(0, (-1, crops)).mean(1)  # section 4: the mean over the random crops
        yield scores, batch.targets[::crops] if recipe.stage == "classify" else batch.targets


def _accuracy(scored: Iterable[tuple[Tensor, Tensor]], classes: tuple[str, ...]) -> Measured:
    """Accuracy of all images, of those of a coarse class among all K classes, and of those of each class."""
    pairs = [(scores.argmax(1), targets) for scores, targets in scored]
    predicted, targets = (torch.cat(parts).cpu() for parts in zip(*pairs, strict=True))
    right = (predicted == targets).float()
    values = {"accuracy": 100 * right.mean().item()}
    for group, members in coarse_classes(classes).items():
        values[f"accuracy_{group}"] = 100 * right[torch.isin(targets, torch.tensor(members))].mean().item()
    k = len(classes)
    matrix = torch.bincount(targets * k + predicted, minlength=k * k).reshape(k, k)
    recalls = (100 * matrix.diagonal() / matrix.sum(1)).tolist()
    return Measured(values, of_confusion(matrix, classes, recalls, "accuracy, %", "images"))


def _multi_label(scored: Iterable[tuple[Tensor, Tensor]], classes: tuple[str, ...]) -> Measured:
    """Mean average precision over all classes, and over those of a coarse class; the average precision of each."""
    scores, targets = (torch.cat(parts) for parts in zip(*scored, strict=True))
    precisions = voc2007_average_precision(scores, targets)
    values = {"mean_average_precision": precisions.nanmean().item()}
    for group, members in coarse_classes(classes).items():
        values[f"mean_average_precision_{group}"] = precisions[members].nanmean().item()
    counts = tuple((targets == 1).sum(0).tolist())
    each = ClassScores("average precision, %", "images with it", classes, plain(precisions.tolist()), counts)
    return Measured(values, each)


def _segmentation(scored: Iterable[tuple[Tensor, Tensor]], classes: tuple[str, ...]) -> Measured:
    iou = MulticlassJaccardIndex(len(classes), ignore_index=VOID, average="macro")
    right, counted = 0.0, 0
    for scores, targets in scored:
        labels = scores.argmax(1)
        iou.update(labels.cpu(), targets.cpu().long())
        valid = targets != VOID
        right += float(((labels == targets) & valid).sum())
        counted += int(valid.sum())
    values = {"mean_iou": 100 * float(iou.compute()), "pixel_accuracy": 100 * right / max(counted, 1)}
    matrix = iou.confmat
    ious = (100 * matrix.diagonal() / (matrix.sum(0) + matrix.sum(1) - matrix.diagonal())).tolist()
    return Measured(values, of_confusion(matrix, classes, ious, "IoU, %", "pixels"))


def _batches(recipe: Recipe, dataset: Dataset, device: torch.device, seed: int) -> Iterator[Batch]:
    return evaluation_batches(
        dataset,
        batch_size=recipe.batch_size,
        crop=None if recipe.test_crops == "whole" else recipe.crop,
        resize=recipe.resize,
        crops=recipe.test_crops if isinstance(recipe.test_crops, int) else "centre",
        seed=seed,
        device=device,
    )


def _unit(images: Tensor) -> Tensor:
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def _mean(parts: list[Tensor]) -> float:
    return torch.cat(parts).mean().item() if parts else float("nan")
