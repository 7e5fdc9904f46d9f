"""What passes between the steps of a call: how much may come in, how it is sized, and blocks of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve import image as pixels
from serve.metadata import ModelMetadata

__all__ = ["MIN_COST", "Block", "Fit", "Limits"]

MIN_COST = 1024  # pixels: what keeping track of an image costs, however small it is

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Limits:
    """What one request may hold.

    Attributes:
        images: most images.
        image_pixels: most pixels (H x W) of one image.
        pixels: most pixels of all images together.
    """

    images: int
    image_pixels: int
    pixels: int


@dataclass(frozen=True)
class Fit:
    """How an image is brought to the size that a model was trained on.

    Attributes:
        resize: shorter side in pixels.
        crop: side in pixels of the square that is cut out of the centre.
    """

    resize: int
    crop: int

    @classmethod
    def of(cls, metadata: ModelMetadata) -> Fit | None:
        """Read a model's rule; None where images are taken as they are."""
        return None if metadata.resize is None else cls(metadata.resize, min(metadata.crop, metadata.resize))

    def __call__(self, image: Pixels) -> Pixels:
        """Bring (H, W, C) uint8 to (crop, crop, C)."""
        return pixels.resize_and_crop(image, self.resize, self.crop)

    def cost(self, count: int) -> int:
        """Pixels of so many fitted images as the queue counts them."""
        return count * max(self.crop * self.crop, MIN_COST)


@dataclass(frozen=True, slots=True)
class Block:
    """Images of equal size out of one request.

    Attributes:
        where: their positions in the request.
        image: (n, H, W, C) uint8, not to be written to.
        mask: (n, H, W) uint8, non-zero where missing; None: nothing is missing.
    """

    where: Sequence[int]
    image: Pixels
    mask: Pixels | None = None

    @property
    def cost(self) -> int:
        """Pixels as the queue counts them."""
        n, height, width = self.image.shape[:3]
        return int(n * max(height * width, MIN_COST))
