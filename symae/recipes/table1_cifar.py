"""Table 1: CIFAR-10 and CIFAR-100 with all labels, test accuracy; nothing but the labelled images is pre-trained on.

    symae train table1-cifar10-pretrain --data CIFAR10 --out runs/pretrain
    symae train table1-cifar10-shortcut --data CIFAR10 --init runs/pretrain --out runs/shortcut

and with cifar100 for the table's second column. The random rows need no pre-training.
"""

from __future__ import annotations

import dataclasses

from symae.corruption import GaussianNoise
from symae.networks import network1
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["BASE", "PRETRAIN", "TABLE"]

NETWORK = network1((5, 5, 5, 0), 128)  # supplement A

NOT_STATED = (
    "batch size: 128",
    "sigma of the noise: supplement C's 30 on the 0-255 scale for both data sets, before normalisation, not clipped",
    "rate: supplement B's steps, not section 4's 'divided by 10 when the loss does not drop'",
    "number of runs behind a value, and which epoch's weights: one run a seed, the last epoch's",
)

PRETRAIN = Recipe(
    name="table1-cifar10-pretrain",
    stage="pretrain",
    summary="auto-encoder with shortcuts on CIFAR-10, noise of sigma 30",
    network=NETWORK,
    data="cifar10",
    epochs=120,
    milestones=(60, 90),  # supplement B
    batch_size=128,
    learning_rate=1e-4,
    crop=29,
    resize=32,  # what CIFAR's images are
    corruption=GaussianNoise(30),  # section 4: pixel noise for the tasks of section 5.2
    validate_every=10,
    not_stated=NOT_STATED,
)

PRETRAIN_NO_SHORTCUT = dataclasses.replace(
    PRETRAIN,
    name="table1-cifar10-pretrain-no-shortcut",
    summary="the same without inner shortcuts",
    network=dataclasses.replace(NETWORK, shortcuts="input-output"),  # footnote 1
)

BASE = Recipe(
    name="table1-cifar10-random",
    stage="classify",
    summary="CIFAR-10, no pre-training",
    network=NETWORK,
    data="cifar10",
    epochs=200,
    milestones=(60, 120, 160),  # supplement B
    factor=0.2,
    batch_size=128,
    learning_rate=1e-4,
    crop=29,
    resize=32,
    corruption_probability=0.0,
    validate_every=20,
    not_stated=NOT_STATED,
    reported=(Reported("table 1, row 6", "accuracy", 93.95),),
)

CIFAR10 = (
    BASE,
    dataclasses.replace(
        BASE,
        name="table1-cifar10-no-shortcut",
        summary="CIFAR-10, pre-trained without shortcuts",
        initialise="encoder",
        pretrained_by="table1-cifar10-pretrain-no-shortcut",
        reported=(Reported("table 1, row 7", "accuracy", 92.07),),
    ),
    dataclasses.replace(
        BASE,
        name="table1-cifar10-shortcut",
        summary="CIFAR-10, pre-trained with shortcuts",
        initialise="encoder",
        pretrained_by="table1-cifar10-pretrain",
        reported=(Reported("table 1, row 8", "accuracy", 95.15),),
    ),
)


def _on_cifar100(recipe: Recipe, accuracy: float | None = None) -> Recipe:
    """The same recipe in the table's second column."""
    return dataclasses.replace(
        recipe,
        name=recipe.name.replace("cifar10", "cifar100"),
        summary=recipe.summary.replace("CIFAR-10", "CIFAR-100"),
        data="cifar100",
        pretrained_by=recipe.pretrained_by.replace("cifar10", "cifar100"),
        reported=tuple(dataclasses.replace(reported, value=accuracy) for reported in recipe.reported),
    )


PRETRAINING = (
    PRETRAIN,
    PRETRAIN_NO_SHORTCUT,
    _on_cifar100(PRETRAIN),
    _on_cifar100(PRETRAIN_NO_SHORTCUT),
)

ROWS = (  # column by column
    *CIFAR10,
    _on_cifar100(CIFAR10[0], 74.11),
    _on_cifar100(CIFAR10[1], 70.21),
    _on_cifar100(CIFAR10[2], 75.41),
)

TABLE = Table(
    name="table1",
    title="CIFAR-10 and CIFAR-100 with all labels, test accuracy",
    rows=ROWS,
    pretraining=PRETRAINING,
    needs="CIFAR-10 and CIFAR-100; 106 PFLOP for each pre-training and 89 for each row: a day of a large GPU in all",
)
