"""Restoration of photographs, blind: one network for noise of any level up to 55 and for missing blocks.

    symae train restore-pyramid-colour --data photographs/ --out runs/restore

The paper's networks reconstruct in order to learn; these are trained to reconstruct. Families, each for gray and
colour:

- `restore-half-*`: residual blocks at a half, a quarter and an eighth of the size with the paper's shortcuts, a million
  weights, for a CPU.
- `restore-deep-*`: with twice as many blocks at the two smaller sizes, two million weights.
  `restore-deep-long-*`: from its weights, for a GPU, 13 PFLOP; the model that ships with symae is one.
- `restore-large-*`: twice as wide and with twice as many blocks at half size, eight million weights, 25 PFLOP.
- `restore-pyramid-*`: with blocks at full size, too, 1.4 times the arithmetic of restore-half with as many weights.
- `restore-small-*`, `restore-network1-*`: the paper's network 1 with strides, of one and of sixteen million weights.
- `restore-rednet-*`: Mao et al.'s RED30, 30 layers of 64 filters without strides, here with BN.

What all of them change of pre-training, and why: crops of 64 to 128 pixels, so that a block has surroundings to be
filled from; a cosine to 0 with a short warm-up and an average of the weights, since the last tenths of a decibel come
from the small rates; the best weights by held-out pictures, which networks with BN can lose late; four images in five
get noise, for a missing block counts in the square error much more than noise does. Each size of network 1 has an even
number of convolutions, so that it has its shortcut.

What the pyramids change besides: no BN, He's rule, a loss in decibels, Muon at 3e-3. PSNR at sigma 25 of eight
photographs of BSD's training part that were left out, after equal minutes of a bare loop with a cosine on one core
(AVX2), one seed, so that a tenth of a decibel says nothing:

- After 3 minutes: 27.6 dB by the small network 1 (BN, mean square error, Adam); 29.0 by residual blocks without BN
  whose loss is each picture's error in decibels, by which weak noise counts as much as strong noise and blocks.
- After 2.5 minutes, of a narrower one: Adam 28.9 (with twice the rate it diverged), Muon 29.7.
- After 4 minutes, with Muon: 29.8 to 30.1 with a single convolution at full size; 29.8 with residual blocks there, too,
  in a third fewer steps, so that they were kept for a long training; 29.7 with more blocks at the smaller sizes; 29.8
  with 48 channels at full size in place of 32.

And what `restore-half` changes of them, likewise, after 3 minutes each, at sigma 25 and 50:

- Pyramid: 29.6 and 25.7 by the loss in decibels, 29.7 and 25.9 by root mean square errors (twice; the same but for how
  blocks begin), 29.3 and 25.2 by square errors weighted by what is usual at each sigma.
- Blocks from half size on, half as many steps again: 29.5 and 25.8 by decibels, 29.8 and 26.2 by root mean square
  errors, 30.0 and 26.3 with a rate of 5e-3, which is too much for longer: with batches of 16 the loss of epoch 21 was
  1.4 times that of epoch 20. A single convolution at full size and root mean square errors: 29.3 and 25.4.

And what `restore-deep` changes of that, from the weights of a trained `restore-half`, deepened by benchmarks/deepen.py:
6 minutes each at 1.5e-3, on the same eight photographs, which most of that training had seen, so that the
differences alone say something:

- The same network: 31.08 and 27.56 from all photographs, 31.14 and 27.61 from BSD's training pictures alone, which are
  what BSD's test pictures are like; 31.13 and 27.59 with crops of 96.
- Deepened, with crops of 96: 31.14 and 27.61, in 0.7 times as many steps.
- A rate of 2e-3 is too much for going on with batches of 8: the loss of epoch 16 was 1.4 times that of epoch 1, that of
  epoch 37 3.5 times. At 1e-3 the loss fell by some 3 %; the held-out PSNR was best at epoch 130 of 190.

And `restore-deep-long` and `restore-large` on a GPU, in bfloat16, one run each, in two parts: at a constant rate of
1e-3 and then, from the best weights so far, with a cosine to 0, on BSD's training pictures alone; those eight at sigma
25 and 50:

- `restore-deep-long-colour`, from restore-deep's weights, 50 and 46 epochs: 30.05 and 26.51 before, 30.15 and 26.62
  (edges not mirrored; mirrored 30.17 and 26.63).
- `restore-large-gray`, from fresh weights: 28.21 and 25.17 after 6 epochs, 28.39 and 25.34 after 28 more. Validated
  without mirrored edges, as it was then, on odd sides, it seemed to get worse; hence it has the last epoch's weights.
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
    network=pyramid(),
    epochs=56,
    optimizer="muon",
    learning_rate=3e-3,
    loss="psnr",
    fresh="he",
)

HALF = dataclasses.replace(
    PYRAMID,
    name="restore-half-colour",
    summary="residual blocks at a half, a quarter and an eighth of the size, a million weights, blind to noise and "
    "missing blocks, colour",
    network=pyramid((64, 96, 128), stride=2),
    epochs=200,
    batch_size=16,
    learning_rate=2.5e-3,
    loss="rmse",
)

DEEP = dataclasses.replace(
    HALF,
    name="restore-deep-colour",
    summary="restore-half deepened, two million weights, to go on from its weights, blind to noise and missing blocks, "
    "colour",
    network=pyramid((64, 96, 128), (1, 2, 2), stride=2),
    epochs=190,
    batch_size=8,
    learning_rate=1e-3,
    crop=96,
)

LONG = dataclasses.replace(
    DEEP,
    name="restore-deep-long-colour",
    summary="restore-deep, trained on from its weights on a GPU, blind to noise and missing blocks, colour",
    pretrained_by="restore-deep-colour",
    epochs=96,
    repeats=64,  # some 25,000 crops an epoch
    batch_size=128,
    precision="bf16-mixed",
)

LARGE = dataclasses.replace(
    LONG,
    name="restore-large-colour",
    summary="residual blocks at a half, a quarter and an eighth of the size, eight million weights, blind to noise and "
    "missing blocks, colour",
    network=pyramid((128, 192, 256), blocks=2, stride=2),
    epochs=34,
    batch_size=64,
    pretrained_by="",
)


def _gray(recipe: Recipe) -> Recipe:
    return dataclasses.replace(
        recipe,
        name=recipe.name.replace("colour", "gray"),
        summary=recipe.summary.replace("colour", "gray"),
        pretrained_by=recipe.pretrained_by.replace("colour", "gray"),
        network=dataclasses.replace(recipe.network, channels=1),
    )


COLOUR = (PYRAMID, HALF, DEEP, LONG, LARGE, SMALL, NETWORK1, REDNET)
ROWS = tuple(row for colour in COLOUR for row in (_gray(colour), colour))


TABLE = Table(
    name="restoration",
    title="Denoising of BSD68 and CBSD68 by blind networks, PSNR in dB",
    rows=ROWS,
    needs="photographs to train on; of one CPU core 75 minutes for restore-pyramid-colour and -gray, three hours for "
    "restore-half-colour and -gray, an hour and a half with bfloat16 for the small ones; two hours on 400 pictures for "
    "restore-deep-colour and -gray, from restore-half's weights deepened; a large GPU for the others",
    beyond=True,
)
