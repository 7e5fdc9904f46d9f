"""Restoration of photographs, blind: one network for noise of any level up to 55 and for missing blocks.

    symae train restore-small-colour --data photographs/ --out runs/restore

The paper's networks reconstruct in order to learn; these are trained to reconstruct. Three families, each for gray
and for colour:

- `restore-small-*`: network 1 with strides, a million weights, for a CPU; the model that ships with symae is one.
- `restore-network1-*`: the same at four times the width.
- `restore-rednet-*`: Mao et al.'s RED30, 30 layers of 64 filters without strides, here with BN.

What differs from pre-training, and why: crops of 64 pixels, so that a block has surroundings to be filled from;
a cosine to 0 with a short warm-up and an average of the weights, since the last tenths of a decibel come from the
small rates; the best weights by held-out pictures, since networks with BN can lose them late; four images in five
get noise, for a missing block counts in the loss much more than noise does; an even convolution at every size, so that
each size has its shortcut. Measured on 8 held-out photographs of BSD's training part, sigma 25, after three minutes of
training on a shared core: 29.6 dB with a shortcut at full size too, in 460 steps of 8 crops; 29.3 without it in 720
steps of 16 (27.9 without BN, in 420); 28.2 with half the size throughout in 730.
"""

from __future__ import annotations

import dataclasses

from symae.corruption import BigBlock, GaussianNoise, Mixture, SmallBlocks
from symae.networks import network1, pyramid, rednet
from symae.recipes.spec import Recipe, Table

__all__ = ["BLIND", "TABLE"]

BLIND = Mixture((GaussianNoise(0, 55), SmallBlocks(), BigBlock(0.25)), weights=(8.0, 1.0, 1.0))

SMALL = Recipe(
    name="restore-small-colour",
    stage="pretrain",
    summary="network 1 of a million weights, blind to noise and missing blocks, colour",
    network=network1((3, 4, 3, 0), 32),
    data="a folder of photographs",
    epochs=90,
    batch_size=8,
    learning_rate=2e-3,
    schedule="cosine",
    warmup=1.0,
    average=0.999,
    crop=64,
    corruption=BLIND,
    validation=0.02,
    test_crops="whole",
    validate_every=10,
    keep="best",
)

NETWORK1 = dataclasses.replace(
    SMALL,
    name="restore-network1-colour",
    summary="network 1 of sixteen million weights, blind to noise and missing blocks, colour",
    network=network1((3, 4, 3, 0), 128),
    epochs=2000,
    batch_size=64,
    learning_rate=1e-3,
    crop=128,
    precision="bf16-mixed",
)

REDNET = dataclasses.replace(
    SMALL,
    name="restore-rednet-colour",
    summary="RED30 with BN, blind to noise and missing blocks, colour",
    network=rednet(30),
    epochs=1000,
    batch_size=64,
    learning_rate=1e-3,
    precision="bf16-mixed",
)


PYRAMID = dataclasses.replace(
    SMALL,
    name="restore-pyramid-colour",
    summary="residual blocks at four sizes, a million weights, blind to noise and missing blocks, colour",
    network=pyramid((32, 64, 96, 128)),
    epochs=60,
    optimizer="muon",
    learning_rate=3e-3,
    loss="psnr",
    fresh="he",
)

LARGE = dataclasses.replace(
    PYRAMID,
    name="restore-pyramid-large-colour",
    summary="residual blocks at four sizes, fifteen million weights, blind to noise and missing blocks, colour",
    network=pyramid((64, 128, 256, 384), blocks=2),
    epochs=600,
    batch_size=32,
    crop=128,
    precision="bf16-mixed",
)


def _gray(recipe: Recipe) -> Recipe:
    return dataclasses.replace(
        recipe,
        name=recipe.name.replace("colour", "gray"),
        summary=recipe.summary.replace("colour", "gray"),
        network=dataclasses.replace(recipe.network, channels=1),
    )


ROWS = tuple(row for colour in (PYRAMID, LARGE, SMALL, NETWORK1, REDNET) for row in (_gray(colour), colour))

TABLE = Table(
    name="restoration",
    title="Denoising of BSD68 and CBSD68 by blind networks, PSNR in dB",
    rows=ROWS,
    needs="photographs to train on; an hour and a half of a CPU core with bfloat16 for a small one, a large GPU for "
    "the others",
    beyond=True,
)
