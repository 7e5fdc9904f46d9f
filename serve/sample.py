"""A photograph for whoever has none at hand, damaged in the ways that the shipped model mends.

serve/sample.jpg is Chelsea the cat by Stéfan van der Walt, CC0, as scikit-image has it. The shipped model was not
trained on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serve.image import read

__all__ = ["clean_sample", "noisy_sample", "torn_sample"]

FILE = Path(__file__).with_name("sample.jpg")
BLOCK = 12  # side of a hole in pixels: as wide as the shipped model fills
HOLES = 40

Pixels = NDArray[np.uint8]


def clean_sample() -> Pixels:
    """Read the photograph as it is: (H, W, 3) uint8."""
    return read(FILE, channels=3)


def noisy_sample(sigma: float, seed: int = 0) -> Pixels:
    """Add Gaussian noise to the photograph.

    Args:
        sigma: standard deviation on the 0-255 scale, >= 0.
        seed: same seed, same noise.

    Returns:
        (H, W, 3) uint8.
    """
    image = clean_sample()
    noisy = image + np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(noisy.round(), 0, 255).astype(np.uint8)


def torn_sample(sigma: float, seed: int = 0) -> tuple[Pixels, Pixels]:
    """Punch square holes into the photograph, after noise; black there.

    Returns:
        The picture (H, W, 3), and its mask (H, W), 255 where a pixel is missing; both uint8.
    """
    image = noisy_sample(sigma, seed)
    mask = np.zeros(image.shape[:2], np.uint8)
    rng = np.random.default_rng(seed)
    for top, left in rng.integers(0, np.array(mask.shape) - BLOCK, (HOLES, 2)):
        mask[top : top + BLOCK, left : left + BLOCK] = 255
    image[mask > 0] = 0
    return image, mask
