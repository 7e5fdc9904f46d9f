"""Figure 4: Pascal VOC 2012 segmentation, mean IoU on its validation part: what decoders are worth.

    symae train table4-pretrain --data IMAGENET/train --out runs/imagenet
    symae train figure4-both --data VOC2012 --init runs/imagenet --out runs/voc2012

The figure is a bar chart without numbers. Its bars grow from top to bottom: random, encoder, encoder and decoder; the
axis ends at 0.4. The pre-training is that of table 4.
"""

from __future__ import annotations

import dataclasses

from symae.networks import network3
from symae.recipes import table4_voc2007
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["BASE", "TABLE"]

BASE = Recipe(
    name="figure4-random",
    stage="segment",
    summary="VOC 2012 segmentation, no pre-training",
    network=network3(),
    data="voc2012",
    epochs=400,
    milestones=(200, 300),  # supplement B
    batch_size=64,
    learning_rate=1e-4,
    crop=225,
    corruption_probability=0.0,
    test_crops="whole",
    validate_every=50,
    reported=(Reported("figure 4, bar 1", "mean_iou"),),
    not_stated=(
        "the numbers: the figure shows bars alone",
        "batch size: 64",
        "training images: VOC 2012's own train part of 1,464, without additional annotations",
        "scale of the images: their own; whole images when measuring, since the network takes any size",
        "loss: cross entropy of every pixel, void pixels left out",
        "the last convolution: 3 x 3, as the deconvolution that it replaces, and without the shortcut from the input",
    ),
)

ROWS = (
    BASE,
    dataclasses.replace(
        BASE,
        name="figure4-encoder",
        summary="VOC 2012 segmentation, pre-trained encoder",
        initialise="encoder",
        pretrained_by="table4-pretrain",
        reported=(Reported("figure 4, bar 2", "mean_iou"),),
    ),
    dataclasses.replace(
        BASE,
        name="figure4-both",
        summary="VOC 2012 segmentation, pre-trained encoder and decoder",
        initialise="encoder+decoder",
        pretrained_by="table4-pretrain",
        reported=(Reported("figure 4, bar 3", "mean_iou"),),
    ),
)

TABLE = Table(
    name="figure4",
    title="Pascal VOC 2012 segmentation, mean IoU on its validation part",
    rows=ROWS,
    pretraining=(table4_voc2007.PRETRAIN,),
    needs="ImageNet 2012 and VOC 2012; table 4's pre-training, then 71 PFLOP for each row: six hours of a large GPU",
)
