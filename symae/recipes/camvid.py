"""In place of figure 4, on CamVid: segmentation of 367 street scenes, mean IoU on val; what decoders are worth.

    symae train camvid-pretrain --data CAMVID --out runs/camvid
    symae train camvid-both --data CAMVID --init runs/camvid --out runs/camvid-both --seed 0

CAMVID holds train/ and val/, each with images/ and labels/. The maps have the values 0 to 10 for the classes below and
11 for void, as SegNet's version has them; a classes.txt in it would go before this list. Pre-training uses the images
of train/ alone; any folder of pictures may be given to it instead.
"""

from __future__ import annotations

import dataclasses

from symae.corruption import SmallBlocks
from symae.networks import network1
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["CLASSES", "TABLE"]

CLASSES = (  # with CamVid's own colours; lines as of a classes.txt
    *("128 128 128 sky", "128 0 0 building", "192 192 128 pole", "128 64 128 road", "60 40 222 pavement"),
    *("128 128 0 tree", "192 128 128 sign", "64 64 128 fence", "64 0 128 car", "64 64 0 pedestrian"),
    "0 128 192 bicyclist",
)

# An even convolution at every size, so that each size has its inner shortcut, as the network of `photos`.
NETWORK = network1((3, 2, 2, 2), 24)

PRETRAIN = Recipe(
    name="camvid-pretrain",
    stage="pretrain",
    summary="auto-encoder with shortcuts on CamVid's training images",
    network=NETWORK,
    data="a folder with CamVid's train/ and val/",
    epochs=60,
    milestones=(40,),  # two thirds, as table 4's pre-training
    batch_size=8,
    learning_rate=1e-3,
    crop=120,
    corruption=SmallBlocks(),
    test_crops="whole",
    validate_every=20,
    precision="bf16-mixed",
)

BASE = Recipe(
    name="camvid-random",
    stage="segment",
    summary="CamVid segmentation, no pre-training",
    network=NETWORK,
    data="a folder with CamVid's train/ and val/",
    classes=CLASSES,
    epochs=60,
    milestones=(30, 45),  # a half and three quarters, as figure 4
    batch_size=8,
    learning_rate=1e-3,
    crop=120,
    corruption_probability=0.0,
    # At such rates layers that begin at N(0, 0.01) learn late, see `symae.recipes.scenes`. Pre-training keeps that
    # rule, with which its residual starts near zero.
    fresh="he",
    test_crops="whole",
    validate_every=20,
    precision="bf16-mixed",
    reported=(Reported("in place of figure 4, bar 1", "mean_iou"),),
    deviations=(
        "network 1 (3, 2, 2, 2) of 24 channels, crops of 120, batches of 8, 60 epochs",
        "rate 1e-3, not 1e-4, and fresh weights from N(0, 2 / fan-in), not N(0, 0.01): fewer steps must go further",
        "pre-training on the images that have labels, not on others",
        "bfloat16 where precision allows",
    ),
)

ROWS = (
    BASE,
    dataclasses.replace(
        BASE,
        name="camvid-encoder",
        summary="CamVid segmentation, pre-trained encoder",
        initialise="encoder",
        pretrained_by="camvid-pretrain",
        reported=(Reported("in place of figure 4, bar 2", "mean_iou"),),
    ),
    dataclasses.replace(
        BASE,
        name="camvid-both",
        summary="CamVid segmentation, pre-trained encoder and decoder",
        initialise="encoder+decoder",
        pretrained_by="camvid-pretrain",
        reported=(Reported("in place of figure 4, bar 3", "mean_iou"),),
    ),
)

TABLE = Table(
    name="camvid",
    title="CamVid segmentation, mean IoU on val",
    rows=ROWS,
    pretraining=(PRETRAIN,),
    needs="CamVid at 240 x 180; about 10 minutes on two CPU cores with bfloat16 instructions for the pre-training "
    "and each row",
    instead_of="figure4",
)
