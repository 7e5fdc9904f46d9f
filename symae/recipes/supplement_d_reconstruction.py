"""Supplement D: does a better reconstruction give a higher accuracy, "other parameters being fixed"?

What is varied is the length of table 2's pre-training: 4, 12 and 40 epochs beside its 120, with their milestones in
proportion. Length changes how good the reconstruction becomes and nothing that it is measured by: with other masks the
PSNR would be of another task, and another network would be another encoder to fine-tune. Steps of about three lead from
hardly begun to the paper's length, and cost half of its 120 epochs in all. CIFAR-10 with 4,000 labels is where the
paper's gain is largest and a run cheapest. The rows are the PSNR of each on the test images, then the accuracies
fine-tuned from them.

    symae train supplementD-pretrain-12 --data CIFAR10 --out runs/pretrain-12
    symae evaluate runs/pretrain-12
    symae train supplementD-tuned-12 --data CIFAR10 --init runs/pretrain-12 --out runs/tuned-12

Figures 1 to 3 of the supplement show reconstructions of VOC, CIFAR-10's and STL-10's test images, without numbers. Here
they are the PSNR of the pre-trainings of tables 4, 2 and 3, for figure 1 measured on VOC:

    symae evaluate runs/imagenet --data VOC2007
"""

from __future__ import annotations

import dataclasses

from symae.recipes import table2_cifar10_4k, table3_stl10, table4_voc2007
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["TABLE"]

LENGTHS = (4, 12, 40)  # epochs; table 2's 120 is the fourth


def _pretrain(epochs: int) -> Recipe:
    return dataclasses.replace(
        table2_cifar10_4k.PRETRAIN,
        name=f"supplementD-pretrain-{epochs}",
        summary=f"table 2's auto-encoder after {epochs} epochs",
        epochs=epochs,
        milestones=(epochs // 2, 3 * epochs // 4),
        validate_every=epochs,
        reported=(Reported("supplement D", "psnr"),),
    )


def _tune(epochs: int) -> Recipe:
    return dataclasses.replace(
        table2_cifar10_4k.SHORTCUT,
        name=f"supplementD-tuned-{epochs}",
        summary=f"4,000 labels, pre-trained for {epochs} epochs",
        pretrained_by=f"supplementD-pretrain-{epochs}",
        reported=(Reported("supplement D: the better restored, the higher", "accuracy"),),
    )


PRETRAINING = (*(_pretrain(epochs) for epochs in LENGTHS), table2_cifar10_4k.PRETRAIN)

TUNED = (*(_tune(epochs) for epochs in LENGTHS), table2_cifar10_4k.SHORTCUT)

TABLE = Table(
    name="supplementD",
    title="Reconstruction on test images, and the accuracy that follows from it",
    rows=(*PRETRAINING, *TUNED, table4_voc2007.PRETRAIN, table3_stl10.PRETRAIN),
    pretraining=PRETRAINING,
    needs="table 2's first, then CIFAR-10 and 12 PFLOP; for figures 1 and 3 the pre-trainings of tables 4 and 3",
)
