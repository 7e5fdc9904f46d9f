"""The images that probes are trained and measured on: central crops of a class-balanced few, and of the test part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from symae.data import DataOptions, Dataset, Part, Target, evaluation_batches, open_dataset
from symae.data.dataset import digest
from symae.errors import DataError
from symae.randomness import generator
from symae.recipes import Recipe

__all__ = ["Crops", "ProbeImages", "Question", "load_crops", "open_parts"]

HELD = 5  # one labelled image in so many is held out to choose the weight decay on
LOADED_AT_ONCE = 256


@dataclass(frozen=True)
class Question:
    """What all runs of one figure are asked alike.

    Attributes:
        data: a set with classes and a test part.
        labels: number of training images, class-balanced; 0: all.
        seed: of which images, of the stacks' weights and of the order of their training images.
    """

    data: str
    labels: int = 4000
    seed: int = 0


@dataclass(frozen=True)
class ProbeImages:
    """The two parts of the data, opened and not yet decoded."""

    training: Dataset
    test: Dataset

    def fingerprint(self) -> str:
        """Hash which images these are."""
        return digest([self.training.fingerprint(), self.test.fingerprint()])


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops of one size in memory, on the device.

    Attributes:
        training, test: (N, C, S, S) and (T, C, S, S) uint8.
        labels, test_labels: (N,) and (T,) int64.
        fitted: the first rows of the training images; the others are held out to choose the weight decay on.
        classes: number of classes K.
    """

    training: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor
    fitted: int
    classes: int

    @property
    def side(self) -> int:
        """Side S of the crops in pixels."""
        return self.training.shape[-1]


def open_parts(question: Question, channels: int) -> ProbeImages:
    """Open the labelled images and the test images.

    Raises:
        DataError: no such data, no classes, no test part, or too few images of a class.
    """

    def part(name: Part) -> Dataset:
        options = DataOptions(channels=channels, labels=question.labels or None, seed=question.seed)
        return open_dataset(question.data, target=Target.CLASS, part=name, options=options)

    images = ProbeImages(part("train"), part("test"))
    least = HELD * len(images.training.classes)
    if len(images.training) < least:
        raise DataError(
            f"probes need {HELD} training images a class, here {least}, got {len(images.training)}: raise --labels"
        )
    return images


def load_crops(images: ProbeImages, recipe: Recipe, seed: int, device: torch.device) -> Crops:
    """Decode all images, sized and cropped in the centre as a recipe tests, the held-out rows last."""
    training, labels = _decode(images.training, recipe, device)
    test, test_labels = _decode(images.test, recipe, device)
    order, fitted = _held_last(labels.cpu(), seed)
    order = order.to(device)
    return Crops(training[order], labels[order], test, test_labels, fitted, len(images.training.classes))


def _decode(dataset: Dataset, recipe: Recipe, device: torch.device) -> tuple[Tensor, Tensor]:
    images, labels = [], []
    for batch in evaluation_batches(
        dataset, batch_size=LOADED_AT_ONCE, crop=recipe.crop, resize=recipe.resize, device=device
    ):
        assert batch.targets is not None
        images.append(batch.images)
        labels.append(batch.targets)
    return torch.cat(images), torch.cat(labels)


def _held_last(labels: Tensor, seed: int) -> tuple[Tensor, int]:
    """Order rows at random, with every fifth of each class behind all others; gives how many stand before."""
    order = torch.randperm(len(labels), generator=generator("cpu", seed, "probe", "held out"))
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(int(labels.max()) + 1):
        members = (labels[order] == label).nonzero().flatten()
        held[members[HELD - 1 :: HELD]] = True
    return torch.cat([order[~held], order[held]]), int((~held).sum())
