"""Filling of missing blocks in whole images, with PSNR over the missing pixels alone.

Blocks are given in pixels, so that networks trained on crops of any size meet the same task: what the paper's blocks
(section 3.2: one of half the side, or many of an eighth that cover up to a quarter) are on crops of 64 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from symae.corruption import BigBlock, SmallBlocks, corrupt
from symae.denoising import Image, Pixels, as_seen
from symae.errors import DataError
from symae.randomness import generator

__all__ = ["HOLES", "Inpainter", "inpaint", "mean_fill", "missing"]

HOLES: Mapping[str, tuple[int, float]] = {  # name -> side of a block in pixels, coverage; 0: one block
    "big_block": (32, 0.0),
    "small_blocks": (8, 0.25),
}

Mask = NDArray[np.bool_]  # (H, W), True where a pixel is missing
Inpainter = Callable[[Image, Mask], NDArray[Any]]  # (image, missing) -> image without holes


def missing(holes: str, height: int, width: int, *key: int | str) -> Mask:
    """Draw where pixels are missing; the same key gives the same places.

    Args:
        holes: a name of `HOLES`.
        height, width: of the image in pixels.
        key: of the draw, e.g. the name of the image.

    Raises:
        DataError: the image is smaller than a block.
    """
    side, coverage = HOLES[holes]
    shorter = min(height, width)
    if shorter < side:
        raise DataError(f"an image of {height} x {width} pixels has no room for a block of {side}: give larger ones")
    corruption = SmallBlocks(side / shorter, coverage) if coverage else BigBlock(side / shorter)
    damaged = corrupt(corruption, torch.zeros(1, 1, height, width), generator("cpu", "inpainting", holes, *key))
    assert damaged.masks is not None
    return damaged.masks[0].numpy()


def inpaint(inpainter: Inpainter, clean: Pixels, mask: Mask) -> float:
    """Take pixels away, have them filled, and compare; PSNR in dB over the missing ones, all channels.

    Args:
        inpainter: is given the image, black where pixels are missing, and the mask.
        clean: (H, W, C) uint8.
        mask: (H, W), with some pixel missing.
    """
    image = np.where(mask[..., None], np.float32(0), clean.astype(np.float32) / np.float32(255))
    restored = as_seen(inpainter(image, mask))
    error = np.square(restored - clean / 255)[mask].mean()
    return float(-10 * np.log10(error)) if error else float("inf")


def mean_fill(image: Image, mask: Mask) -> Image:
    """Fill each channel with its mean over the known pixels: the least that an inpainter must beat."""
    return np.where(mask[..., None], image[~mask].mean(0), image)
