"""Supplement C: the wide ResNet with symmetric shortcuts, on CIFAR-100 at sigma 30.

    symae train supplement-c-wrn-pretrain --data CIFAR100 --out runs/pretrain
    symae train supplement-c-wrn-pretrained --data CIFAR100 --init runs/pretrain --out runs/pretrained

The paper has no numbers here. It says that the reconstruction is better than the plain network's (section 5.2), and
that a wide ResNet pre-trained without weight decay and fine-tuned with it ends below one that starts at random.

Full size costs 106 and 101 PFLOP to pre-train the plain network and the wide one, 84 to fine-tune; `--set
network.width=0.25` about a sixteenth.
"""

from __future__ import annotations

import dataclasses

from symae.corruption import Clean, GaussianNoise
from symae.networks import network1, wide_resnet
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["TABLE"]

NOT_STATED = (
    "batch size: 128",
    "sigma: on the 0-255 scale, noise not clipped",
    "depth and width of the wide ResNet: 16 and 8, of the usual sizes the nearest to network 1 at 29x29, "
    "5.6 against 5.9 GFLOP an image and 21.9 against 27.7 million weights with the decoder",
    "its decoder: the mirror, with residual blocks of its own",
    "where its symmetric shortcuts join: at the ends of blocks, raw, where the maps pass from block to block",
    "its pre-training: as network 1's, Adam without weight decay",
    "its fine-tuning: SGD with Nesterov momentum of 0.9, rate 0.1, weight decay 5e-4, as Zagoruyko and Komodakis; the "
    "epochs and steps of supplement B are theirs too; the optimizer changes, too, from Adam, "
    "which supplement C advises against, so that a drop may come from either",
)

PLAIN = Recipe(
    name="supplement-c-wrn-plain",
    stage="pretrain",
    summary="network 1 on noisy images",
    network=network1(),
    data="cifar100",
    epochs=120,
    milestones=(60, 90),  # supplement B
    batch_size=128,
    learning_rate=1e-4,
    crop=29,
    resize=32,  # what CIFAR's images are; a larger one, served later, is brought to it
    corruption=GaussianNoise(30),
    validate_every=10,
    not_stated=NOT_STATED,
    reported=(Reported("section 5.2", "psnr"),),
)

WIDE = dataclasses.replace(
    PLAIN,
    name="supplement-c-wrn-pretrain",
    summary="the wide ResNet with symmetric shortcuts on noisy images",
    network=wide_resnet(16, 8),
)

RANDOM = Recipe(
    name="supplement-c-wrn-random",
    stage="classify",
    summary="the wide ResNet, no pre-training",
    network=wide_resnet(16, 8),
    data="cifar100",
    epochs=200,
    milestones=(60, 120, 160),  # supplement B
    factor=0.2,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    crop=29,
    resize=32,
    corruption=Clean(),
    corruption_probability=0.0,
    validate_every=20,
    not_stated=NOT_STATED,
    reported=(Reported("supplement C", "accuracy"),),
)

PRETRAINED = dataclasses.replace(
    RANDOM,
    name="supplement-c-wrn-pretrained",
    summary="the wide ResNet, pre-trained with symmetric shortcuts",
    initialise="encoder",
    pretrained_by="supplement-c-wrn-pretrain",
)

TABLE = Table(
    name="supplement-c-wrn",
    title="Wide ResNet with symmetric shortcuts on CIFAR-100 at sigma 30, test PSNR, then test accuracy",
    rows=(PLAIN, WIDE, RANDOM, PRETRAINED),
    needs="CIFAR-100; 375 PFLOP for the four rows: ten hours of a large GPU",
)
