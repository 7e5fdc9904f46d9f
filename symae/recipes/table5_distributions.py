"""Table 5: pre-training on animals or on vehicles; VOC 2007's mean average precision on animals, vehicles and all.

    symae train table5-pretrain-animal --data ANIMALS --out runs/animal
    symae train table5-animal --data VOC2007 --init runs/animal --out runs/voc2007-animal

ANIMALS is a folder of 93,000 training images of ImageNet 2012 below the synsets "mammal" and "bird", the other one
of as many below "conveyance, transport". Which classes of VOC are animals and which vehicles stands in `symae.coarse`.

The first row has table 4's settings and seed: its run serves both tables, if it is not to be trained twice.
"""

from __future__ import annotations

import dataclasses

from symae.recipes import table4_voc2007
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["BASE", "TABLE"]

PRETRAIN = dataclasses.replace(
    table4_voc2007.PRETRAIN,
    name="table5-pretrain-animal",
    summary="auto-encoder on 93,000 images of animals",
    data="a folder of 93,000 ImageNet images of mammals and birds",
    epochs=82,
    milestones=(55,),
    validate_every=10,
    reported=(),
    not_stated=(
        *table4_voc2007.NOT_STATED,
        "length of the pre-training: as many steps as table 4's 6 epochs of 1.28 million images, milestone alike",
        "which 93,000 images of each kind",
    ),
)

PRETRAINING = (
    PRETRAIN,
    dataclasses.replace(
        PRETRAIN,
        name="table5-pretrain-vehicle",
        summary="auto-encoder on 93,000 images of vehicles",
        data="a folder of 93,000 ImageNet images of conveyances",
    ),
)


def _reported(row: int, animal: float, vehicle: float, everything: float) -> tuple[Reported, ...]:
    return (
        Reported(f"table 5, row {row}", "mean_average_precision_animal", animal),
        Reported(f"table 5, row {row}", "mean_average_precision_vehicle", vehicle),
        Reported(f"table 5, row {row}", "mean_average_precision", everything),
    )


BASE = dataclasses.replace(table4_voc2007.BASE, name="table5-random", reported=_reported(1, 67.02, 76.87, 67.11))


def _started_from(kind: str, reported: tuple[Reported, ...]) -> Recipe:
    return dataclasses.replace(
        BASE,
        name=f"table5-{kind}",
        summary=f"VOC 2007, pre-trained on {kind}s",
        initialise="encoder",
        pretrained_by=f"table5-pretrain-{kind}",
        reported=reported,
    )


ROWS = (
    BASE,
    _started_from("animal", _reported(2, 73.04, 79.04, 70.77)),
    _started_from("vehicle", _reported(3, 72.17, 80.00, 70.93)),
)

TABLE = Table(
    name="table5",
    title="Pre-training on animals or on vehicles, VOC 2007's mean average precision: animals, vehicles, all",
    rows=ROWS,
    pretraining=PRETRAINING,
    needs="two subsets of ImageNet 2012 and VOC 2007; 921 PFLOP for each pre-training and 121 for each row: "
    "three days of a large GPU",
)
