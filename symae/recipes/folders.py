"""Recipes for anybody's own folders: pre-train on all images, then classify or segment with the few labelled.

Network 1 with few stages keeps the map fine enough to segment, and a third of its width trains on a CPU.
"""

from __future__ import annotations

import dataclasses

from symae.augmentation import Augmentation
from symae.corruption import BigBlock, GaussianNoise, Mixture, SmallBlocks
from symae.networks import network1
from symae.recipes.spec import Recipe

__all__ = ["ROWS"]

PRETRAIN = Recipe(
    name="pretrain",
    stage="pretrain",
    summary="auto-encoder on any folder of images, blind to noise and missing blocks",
    network=network1((2, 2, 2, 0), 32),
    data="a folder of images",
    epochs=40,
    milestones=(30,),
    batch_size=32,
    learning_rate=1e-3,
    crop=64,
    resize=96,
    corruption=Mixture((GaussianNoise(5, 55), SmallBlocks(), BigBlock())),
    validation=0.02,
    keep="best",
)

CLASSIFY = dataclasses.replace(
    PRETRAIN,
    name="classify",
    stage="classify",
    summary="classifier on a folder of class folders",
    data="a folder of class folders",
    epochs=60,
    milestones=(30, 50),
    factor=0.2,
    corruption=SmallBlocks(),
    corruption_probability=0.0,
    validation=0.1,
    fresh="he",  # a head that starts small learns slowly, see scenes.py
    initialise="encoder",
    hold_epochs=5,
    pretrained_by="pretrain",
)

SEMI = dataclasses.replace(
    CLASSIFY,
    name="classify-semi",
    summary="the same, learning from --unlabelled images, too",
    unlabelled=96,
    labels_first=15,  # a head that was drawn anew is sure of nothing
    certainty=0.8,
    average=0.99,
    schedule="cosine",
    milestones=(),
    warmup=1,
    augmentation=Augmentation(
        shift=4, rotation=15, scale=0.2, shear=10, brightness=0.3, contrast=0.3, saturation=0.3, mix="cutmix"
    ),
    corruption=BigBlock(),
    corruption_probability=0.5,
)

MULTI_LABEL = dataclasses.replace(
    CLASSIFY,
    name="classify-multi",
    summary="classifier with several labels an image: images and a labels.csv",
    data="a folder of images with labels.csv",
    multi_label=True,
)

SEGMENT = dataclasses.replace(
    CLASSIFY,
    name="segment",
    stage="segment",
    summary="segmenter on a folder of images/ and labels/",
    data="a folder with images/ and labels/",
    initialise="encoder+decoder",
    hold_epochs=0,
    test_crops="whole",
)

ROWS = (PRETRAIN, CLASSIFY, SEMI, MULTI_LABEL, SEGMENT)
