"""What a visitor does to a picture: noise, holes at a click; and how much of it was undone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_noise", "big_block", "cut_out", "mean_change", "psnr", "small_blocks"]

GRAY = 128  # what stands in a hole on the page; the model never sees it
# The holes that benchmarks are made with, see symae.inpainting: what the paper's are on crops of 64 pixels.
BIG_SIDE, SMALL_SIDE, COVERAGE = 32, 8, 0.25  # pixels; share of the picture before overlaps

BAND = 256  # rows that are computed at once: in float32, a picture of 100 megapixels has 1.2 GB

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]  # (H, W), True where a pixel is missing


def add_noise(pixels: Pixels, sigma: float, seed: int = 0) -> Pixels:
    """Add Gaussian noise, and clip it to 8 bits as a file would hold it.

    Args:
        pixels: (H, W, C) uint8.
        sigma: standard deviation on the 0-255 scale, >= 0; 0 is the identity.
        seed: the same gives the same noise.
    """
    generator, noisy = np.random.default_rng(seed), np.empty_like(pixels)
    for band in _bands(pixels):
        noise = generator.standard_normal(pixels[band].shape, np.float32)
        noisy[band] = np.clip(np.rint(pixels[band] + np.float32(sigma) * noise), 0, 255)
    return noisy


def big_block(height: int, width: int, rng: np.random.Generator) -> Mask:
    """Draw one square hole of 32 pixels; smaller in a smaller picture."""
    return _blocks(height, width, BIG_SIDE, 1, rng)


def small_blocks(height: int, width: int, rng: np.random.Generator) -> Mask:
    """Draw square holes of 8 pixels that may overlap, over up to a quarter of the picture."""
    return _blocks(height, width, SMALL_SIDE, max(1, int(COVERAGE * height * width / SMALL_SIDE**2)), rng)


def cut_out(pixels: Pixels, mask: Mask) -> Pixels:
    """Paint the missing pixels gray."""
    return np.where(mask[:, :, None], np.uint8(GRAY), pixels)


def psnr(image: Pixels, reference: Pixels, where: Mask | None = None) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures in dB over all channels; infinite where they are equal.

    Args:
        image, reference: (H, W, C) uint8.
        where: the pixels to compare, at least one; None: all.
    """
    total, count = 0, 0
    for band in _bands(image):
        difference = image[band].astype(np.int32) - reference[band]
        compared = difference if where is None else difference[where[band]]
        total, count = total + int(np.square(compared).sum(dtype=np.int64)), count + compared.size
    return 10 * math.log10(255**2 * count / total) if total else math.inf


def mean_change(image: Pixels, reference: Pixels) -> float:
    """Mean absolute difference of two uint8 pictures (H, W, C), 0 to 255."""
    bands = _bands(image)
    total = sum(int(np.abs(image[band].astype(np.int16) - reference[band]).sum(dtype=np.int64)) for band in bands)
    return total / image.size


def _bands(pixels: Pixels) -> Iterator[slice]:
    return (slice(top, top + BAND) for top in range(0, len(pixels), BAND))


def _blocks(height: int, width: int, side: int, count: int, rng: np.random.Generator) -> Mask:
    side = min(side, max(1, min(height, width) // 2))
    mask = np.zeros((height, width), np.bool_)
    tops, lefts = rng.integers(0, height - side + 1, count), rng.integers(0, width - side + 1, count)
    for top, left in zip(tops, lefts, strict=True):
        mask[top : top + side, left : left + side] = True
    return mask
