"""What a training run is made of: one frozen `Recipe`, which says everything but data folder, seed and device."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from symae.augmentation import Augmentation
from symae.corruption import BigBlock, Clean, Corruption, SmallBlocks
from symae.errors import RecipeError
from symae.networks import NetworkSpec
from symae.networks.autoencoder import Initialisation
from symae.weights import Stage

__all__ = ["Initialise", "Optimizer", "Recipe", "Reported", "Table"]

Optimizer = Literal["adam", "adamw", "muon", "sgd"]
Initialise = Literal["nothing", "encoder", "encoder+decoder"]
TestCrops = Literal["centre", "whole"] | int


@dataclass(frozen=True)
class Reported:
    """What the paper reports for a recipe.

    Attributes:
        source: where, e.g. "table 2, row 7".
        metric: as `symae.evaluate.evaluate` names it: "accuracy", "mean_average_precision" (either also of a group of
            classes, e.g. "accuracy_animal") or "mean_iou", in per cent; "psnr" in dB.
        value: the number; None where the paper has none.
        spread: its standard deviation; None where not stated.
    """

    source: str
    metric: str
    value: float | None = None
    spread: float | None = None


@dataclass(frozen=True)
class Recipe:
    """One stage of training.

    Attributes:
        name: as typed after `symae train`.
        stage: "pretrain" reconstructs, "classify" and "segment" fine-tune.
        summary: one line for `symae recipes`.
        network: which layers and shortcuts.
        data: what it was written for: a built-in set, or what kind of folder.
        epochs: how long, >= 1; one is `repeats` passes over the training images.
        repeats: passes an epoch, >= 1, each with other crops: where images are few and large, an epoch of one is over
            in a moment. Whatever counts epochs, such as `milestones`, counts these longer ones.
        batch_size: images a step, over all devices together.
        learning_rate: the highest; see `rate`.
        schedule: "steps" multiplies the rate by `factor` at the start of each epoch in `milestones`; "cosine" lets it
            fall to 0 at the last step.
        warmup: first epochs, or part of one, in which the rate rises from 0.
        optimizer: "adam"; "adamw", whose weight decay is apart from the gradient; "muon", which makes the steps of
            convolutions orthogonal (`symae.muon`); "sgd" with Nesterov momentum of 0.9.
        weight_decay: of all weights and BN scales, >= 0.
        clip: largest norm of the gradient over all weights; 0: as it comes.
        average: decay of an exponential moving average of weights and BN statistics, in [0, 1), which is then what is
            validated and kept; 0: the weights themselves.
        crop: side in pixels of the square training crops.
        resize: shorter side in pixels that images are brought to first; None: left as they are.
        flip: mirror training crops at random.
        augmentation: how training crops are varied before they are damaged; see `symae.augmentation`.
        corruption: the damage; of fine-tuning too, where `corruption_probability` is above 0.
        corruption_probability: chance that a training image is corrupted.
        loss: of pre-training: mean square error over the whole "image", or over its "masked" pixels alone; or "psnr",
            by how many dB each image misses perfection, by which weak noise, strong noise and blocks count alike; or
            "rmse", each image's root mean square error, by which what is hard counts more than in dB, and less
            than by squares.
        label_smoothing: share of each target that is spread evenly over the classes, in [0, 1); classifiers alone.
        multi_label: classes of a classifier are independent of each other.
        unlabelled: images without labels that each step learns from beside its batch, see `symae.self_training`, over
            all devices together; 0: none. Classifiers of one class an image alone, and with an `average`.
        labels_first: epochs at the start that learn from the labelled images alone: until there is something to be
            certain of, the others cost time and teach nothing.
        certainty: the probability above which the averaged weights' class of an unlabelled image is taken for its
            label, in [0, 1); 0: always.
        labels: size of a class-balanced, seeded subset of the training images; None: all.
        fold: one of STL-10's ten folds, 0..9; None: all training images.
        only_classes: names of the classes whose images are taken, so that pre-training can be on one kind of images;
            empty: all images.
        classes: the classes of label maps in the order of their values, each "name" or "r g b name", for data
            without a classes.txt; values beyond are void. Empty: as the data has it.
        validation: part of the training images held out, where the data has no validation part of its own.
        fresh: how weights are drawn: "gaussian" as in the paper, or "he"; see `symae.networks.autoencoder.initialise`.
        initialise: the parts that come from `--init`.
        hold_epochs: first epochs in which those parts stay as they are (weights and BN statistics).
        taken_rate: factor on the rate of those parts, > 0.
        pretrained_by: the recipe whose run is meant to be given as `--init`; empty: none.
        test_crops: "centre" crop, "whole" image, or the mean over a number of random crops.
        validate_every: epochs between two validations; the last epoch always has one.
        keep: weights of the "last" epoch, or of the one that was "best" on the validation images.
        sync_bn: where several devices share a batch, BN's mean and variance are those of the whole batch, so that a
            run comes to the same on any number of devices; without it they are of each device's slice, which spares
            two exchanges a layer.
        precision: "32-true", or "bf16-mixed" on a GPU or a CPU with bfloat16 instructions (1.7 to 2.4 times as fast on
            one of those).
        reported: the paper's numbers, one for each metric that its row has; empty where it has none.
        deviations: in what the recipe departs from the paper.
        not_stated: what the paper leaves open, and what was decided.
    """

    name: str
    stage: Stage
    summary: str
    network: NetworkSpec
    data: str
    epochs: int
    batch_size: int
    learning_rate: float
    crop: int
    repeats: int = 1
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    schedule: Literal["steps", "cosine"] = "steps"
    warmup: float = 0.0
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    clip: float = 0.0
    average: float = 0.0
    resize: int | None = None
    flip: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)
    corruption: Annotated[Corruption, Field(discriminator="kind")] = field(default_factory=Clean)
    corruption_probability: float = 1.0
    loss: Literal["image", "masked", "psnr", "rmse"] = "image"
    label_smoothing: float = 0.0
    multi_label: bool = False
    unlabelled: int = 0
    labels_first: int = 0
    certainty: float = 0.95
    labels: int | None = None
    fold: int | None = None
    only_classes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    validation: float = 0.0
    fresh: Initialisation = "gaussian"
    initialise: Initialise = "nothing"
    hold_epochs: int = 0
    taken_rate: float = 1.0
    pretrained_by: str = ""
    test_crops: TestCrops = "centre"
    validate_every: int = 1
    keep: Literal["last", "best"] = "last"
    sync_bn: bool = True
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    reported: tuple[Reported, ...] = ()
    deviations: tuple[str, ...] = ()
    not_stated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        positive = (
            "epochs",
            "repeats",
            "batch_size",
            "learning_rate",
            "crop",
            "validate_every",
            "factor",
            "taken_rate",
        )
        for name in positive:
            if not getattr(self, name) > 0:
                raise RecipeError(f"{name} must be > 0, got {getattr(self, name)}")
        for name in ("hold_epochs", "warmup", "weight_decay", "clip", "unlabelled", "labels_first"):
            if not getattr(self, name) >= 0:
                raise RecipeError(f"{name} must be >= 0, got {getattr(self, name)}")
        if isinstance(self.test_crops, int) and self.test_crops < 1:
            raise RecipeError(f'test_crops must be "centre", "whole" or a number >= 1, got {self.test_crops}')
        for name in ("corruption_probability", "validation"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.average < 1:
            raise RecipeError(f"average must be in [0, 1), e.g. 0.999, got {self.average}")
        if not 0 <= self.label_smoothing < 1:
            raise RecipeError(f"label_smoothing must be in [0, 1), e.g. 0.1, got {self.label_smoothing}")
        if (self.augmentation.mixes or self.label_smoothing) and (self.stage != "classify" or self.multi_label):
            raise RecipeError("augmentation.mix and label_smoothing are for classifiers of one class an image")
        if not 0 <= self.certainty < 1:
            raise RecipeError(f"certainty must be in [0, 1), e.g. 0.95, got {self.certainty}")
        if self.unlabelled and (self.stage != "classify" or self.multi_label):
            raise RecipeError("unlabelled images are for classifiers of one class an image: leave unlabelled at 0")
        if self.unlabelled and not self.average:
            raise RecipeError("unlabelled images get their classes from averaged weights: --set average=0.999")
        if self.unlabelled and self.labels_first >= self.epochs:
            raise RecipeError(
                f"labels_first ({self.labels_first}) must be below epochs ({self.epochs}), "
                "or the images without labels are never looked at"
            )
        if self.resize is not None and self.resize < self.crop:
            raise RecipeError(f"resize ({self.resize}) must be at least the crop ({self.crop})")
        if self.loss == "masked" and not isinstance(self.corruption, BigBlock | SmallBlocks):
            raise RecipeError('loss "masked" needs blocks to be missing from every image: set corruption.kind')

    @property
    def main_metric(self) -> str:
        """The one by which weights are compared and "best" is meant, as `symae.evaluate` names it; higher is better."""
        if self.stage == "classify":
            return "mean_average_precision" if self.multi_label else "accuracy"
        return "psnr" if self.stage == "pretrain" else "mean_iou"

    def rate(self, epoch: float) -> float:
        """Learning rate at a moment of the training, in epochs since its start, e.g. 2.5 halfway through the third."""
        rate = self.learning_rate * min(1.0, epoch / self.warmup if self.warmup else 1.0)
        if self.schedule == "cosine":
            return rate * (1 + math.cos(math.pi * min(1.0, epoch / self.epochs))) / 2
        return rate * self.factor ** sum(epoch >= milestone for milestone in self.milestones)

    def smoke(self) -> Recipe:
        """Shrink to seconds on a CPU, on any data: a few channels, two epochs, small crops, few labels, no folds."""
        return dataclasses.replace(
            self,
            network=dataclasses.replace(self.network, width=4 / self.network.full[0].channels),
            epochs=2,
            repeats=1,
            milestones=(1,),
            warmup=min(self.warmup, 0.5),
            hold_epochs=min(self.hold_epochs, 1),
            batch_size=8,
            unlabelled=min(self.unlabelled, 8),
            labels_first=0,
            crop=min(self.crop, 29),
            resize=None if self.resize is None else 32,
            labels=None if self.labels is None else 10,
            fold=None,
            only_classes=(),
            validate_every=1,
            test_crops=2 if isinstance(self.test_crops, int) else self.test_crops,
        )


@dataclass(frozen=True)
class Table:
    """A table or figure of the paper, or one beside it: what `symae report` shows together.

    Attributes:
        name: as typed after `symae report`, e.g. "table2".
        title: one line, with its data.
        rows: in the paper's order; each carries what the paper reports.
        pretraining: the recipes that the rows start from.
        needs: what it takes to run the rows as they stand, e.g. "CIFAR-10, one GPU, 2 hours".
        instead_of: the table for which this one stands on data that a laptop has; empty: none.
        beyond: its rows go beyond the paper and are never mixed with faithful ones.
    """

    name: str
    title: str
    rows: tuple[Recipe, ...]
    pretraining: tuple[Recipe, ...] = ()
    needs: str = ""
    instead_of: str = ""
    beyond: bool = False
