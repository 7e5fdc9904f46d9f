"""The built-in photographs: minutes of pre-training on a CPU, for the demo and for a first look.

Network 1 with an even convolution at every size, so that each size has its shortcut: a picture's detail
then reaches the output past the strides.
"""

from __future__ import annotations

from symae.corruption import BigBlock, GaussianNoise, Mixture, SmallBlocks
from symae.networks import network1
from symae.recipes.spec import Recipe

__all__ = ["NETWORK", "ROWS"]

NETWORK = network1((3, 2, 2, 2), 16)

ROWS = (
    Recipe(
        name="photos",
        stage="pretrain",
        summary="auto-encoder on crops of the built-in photographs, blind to noise and missing blocks",
        network=NETWORK,
        data="photos",
        epochs=10,
        milestones=(7, 9),
        batch_size=16,
        learning_rate=2e-3,
        crop=48,
        corruption=Mixture((GaussianNoise(5, 55), GaussianNoise(30), SmallBlocks(), BigBlock(0.3))),
        test_crops="whole",
        validate_every=5,
    ),
)
