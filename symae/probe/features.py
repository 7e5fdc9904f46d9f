"""The features of one layer: the map after its ReLU, with the encoder as it was trained and BN in evaluation mode.

Maps are standardised, one mean and one deviation a channel, measured on the training images. That is a part of the
probe which both tasks could learn themselves; it makes one rate and one grid of weight decays fit every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from symae.networks import Encoder

__all__ = ["KEPT_BYTES", "Advance", "LayerFeatures", "pooled", "small_batches"]

Advance = Callable[[float], None]

KEPT_BYTES = 2 << 30  # most that the training maps, or the matrix of the softmax regression, take in memory
ENCODED_AT_ONCE = 1 << 24  # most values of a map in one run of the encoder
SMALLEST = 1e-6  # deviation of a channel below which it counts as constant


class LayerFeatures:
    """Standardised maps of one layer, computed when asked for; those of the training images are kept if they fit.

    Args:
        encoder: in evaluation mode, on the device of the images.
        layer: convolution, counted from 1.
        images: (N, C, S, S) uint8, the training images.
        advance: called with the number of training images that were encoded.
        limit: most bytes that the training maps may take.

    Attributes:
        shape: (c, h, w) of a map.
    """

    def __init__(self, encoder: Encoder, layer: int, images: Tensor, advance: Advance, limit: int = KEPT_BYTES) -> None:
        self._encoder, self._layer, self._images, self._limit = encoder, layer, images, limit
        channels, height, width = self._raw(images[:1]).shape[1:]
        self.shape = (channels, height, width)
        self._mean = torch.zeros(channels, 1, 1, device=images.device)
        self._scale = torch.ones_like(self._mean)
        fits = len(images) * channels * height * width * 4 <= limit
        # Channels last in memory: what a convolution wants, and a map flattened is a view.
        self._kept = torch.empty(len(images), height, width, channels, device=images.device) if fits else None
        self._measure(advance)

    def maps(self, rows: Tensor) -> Tensor:
        """The maps (B, c, h, w) float32 of some training images."""
        if self._kept is None:
            return self.encode(self._images[rows])
        return self._kept[rows].permute(0, 3, 1, 2)

    def encode(self, images: Tensor) -> Tensor:
        """The maps (B, c, h, w) float32 of any images (B, C, S, S) uint8."""
        return self._raw(images).sub_(self._mean).mul_(self._scale)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the positions that softmax regression sees: all of the map, or fewer if need be."""
        channels, height, width = self.shape
        rows, columns, step = height, width, 1
        while len(self._images) * channels * rows * columns * 4 > self._limit and rows * columns > 1:
            step += 1
            rows, columns = -(-height // step), -(-width // step)
        return rows, columns

    def matrix(self) -> Tensor:
        """The training maps as rows (N, D) float32, averaged down to `grid`."""
        if self._kept is not None:
            return self._kept.flatten(1)
        return torch.cat([self.flatten(self.encode(images)) for images in small_batches(self._encoder, self._images)])

    def flatten(self, maps: Tensor) -> Tensor:
        """Maps (B, c, h, w) as rows (B, D), averaged down to `grid`."""
        if self.grid != self.shape[1:]:
            maps = F.adaptive_avg_pool2d(maps, self.grid)
        return maps.permute(0, 2, 3, 1).flatten(1)

    def _measure(self, advance: Advance) -> None:
        """Encode all training images once: mean and deviation of each channel, and the maps that are kept."""
        total = torch.zeros(self.shape[0], dtype=torch.float64, device=self._images.device)
        squares, done = torch.zeros_like(total), 0
        for images in small_batches(self._encoder, self._images):
            maps = self._raw(images)
            total += maps.double().sum((0, 2, 3))
            squares += maps.double().square().sum((0, 2, 3))
            if self._kept is not None:
                self._kept[done : done + len(maps)] = maps.permute(0, 2, 3, 1)
            done += len(maps)
            advance(len(maps))
        count = done * self.shape[1] * self.shape[2]
        mean = total / count
        deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
        scale = torch.where(deviation > SMALLEST, 1 / deviation.clamp(min=SMALLEST), 0.0)
        self._mean, self._scale = mean.float()[:, None, None], scale.float()[:, None, None]
        if self._kept is not None:
            self._kept.sub_(self._mean.flatten()).mul_(self._scale.flatten())

    @torch.no_grad()
    def _raw(self, images: Tensor) -> Tensor:
        return self._encoder.feature_map(images.contiguous(memory_format=torch.channels_last), self._layer)


@torch.no_grad()
def pooled(encoder: Encoder, images: Tensor) -> Tensor:
    """The last layer's map averaged over its positions: (B, D) float32, as `symae embed` gives it."""
    parts = [encoder.feature_map(batch).mean((2, 3)) for batch in small_batches(encoder, images)]
    return torch.cat(parts)


def small_batches(encoder: Encoder, images: Tensor) -> Iterator[Tensor]:
    """Split images (N, C, S, S) so that the encoder's maps stay small."""
    widest = max(layer.channels for layer in encoder.spec.layers)
    return iter(torch.split(images, max(1, min(256, ENCODED_AT_ONCE // (widest * images.shape[-1] ** 2)))))
