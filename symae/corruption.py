"""How training images are damaged (section 3.2): pixel noise, one big block, many small blocks, mixtures.

A corruption is a frozen description; `corrupt` applies it to a batch, on the batch's device, with draws
for each image from a given generator. Its `kind` names it in JSON. Noise changes pixels; blocks are
returned as a mask, because their filling happens after zero-centring, inside the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Literal

import torch
from torch import Tensor

from symae.device import on_device
from symae.errors import RecipeError
from symae.randomness import BatchGenerator, Share

__all__ = ["BigBlock", "Clean", "Corrupted", "Corruption", "GaussianNoise", "Mixture", "SmallBlocks", "corrupt"]


@dataclass(frozen=True)
class Corrupted:
    """A damaged batch.

    Attributes:
        images: (B, C, H, W) float32, noise not clipped.
        masks: (B, H, W) bool, True where a pixel is missing; None: nowhere.
    """

    images: Tensor
    masks: Tensor | None = None

    def to(self, device: torch.device) -> Corrupted:
        """Bring it to a device."""
        return Corrupted(self.images.to(device), None if self.masks is None else self.masks.to(device))


@dataclass(frozen=True)
class Clean:
    """No damage."""

    kind: Literal["clean"] = "clean"


@dataclass(frozen=True)
class GaussianNoise:
    """Independent noise N(0, sigma) on every sample of every pixel.

    Attributes:
        sigma: standard deviation on the 0-255 scale, >= 0.
        sigma_max: if above `sigma`, each image draws its own level uniformly between the two ("blind").
    """

    sigma: float = 30.0
    sigma_max: float = 0.0
    kind: Literal["gaussian-noise"] = "gaussian-noise"

    def __post_init__(self) -> None:
        if self.sigma < 0 or self.sigma_max < 0:
            raise RecipeError(f"sigma must be >= 0 on the 0-255 scale, got {self.sigma} and {self.sigma_max}")


@dataclass(frozen=True)
class BigBlock:
    """One square block missing, at a random place.

    Attributes:
        side: of the block, as a fraction of the image's shorter side, in (0, 1].
    """

    side: float = 0.5
    kind: Literal["big-block"] = "big-block"

    def __post_init__(self) -> None:
        _check_fraction("side", self.side)


@dataclass(frozen=True)
class SmallBlocks:
    """Many small square blocks missing; they may overlap.

    Attributes:
        side: of a block, as a fraction of the image's shorter side, in (0, 1].
        coverage: area of all blocks before overlaps, as a fraction of the image, in (0, 1]; the covered part
            can only be smaller.
    """

    side: float = 1 / 8
    coverage: float = 0.25
    kind: Literal["small-blocks"] = "small-blocks"

    def __post_init__(self) -> None:
        _check_fraction("side", self.side)
        _check_fraction("coverage", self.coverage)


@dataclass(frozen=True)
class Mixture:
    """Each image gets one of several corruptions ("blind" training).

    Attributes:
        parts: the corruptions, at least one.
        weights: how often each is drawn, > 0 and relative to the others; empty: equally often.
    """

    parts: tuple[Clean | GaussianNoise | BigBlock | SmallBlocks, ...]
    weights: tuple[float, ...] = ()
    kind: Literal["mixture"] = "mixture"

    def __post_init__(self) -> None:
        if not self.parts:
            raise RecipeError("a mixture needs at least one corruption")
        if self.weights and (len(self.weights) != len(self.parts) or min(self.weights) <= 0):
            raise RecipeError(f"a mixture of {len(self.parts)} needs as many weights > 0, got {self.weights}")


Corruption = Clean | GaussianNoise | BigBlock | SmallBlocks | Mixture


def corrupt(
    corruption: Corruption, images: Tensor, generator: torch.Generator, share: Share | None = None
) -> Corrupted:
    """Damage a batch of images, each image in its own way.

    Args:
        corruption: what to do.
        images: (B, C, H, W) float32 in [0, 1].
        generator: source of randomness, on the device of the images; same state, same output.
        share: the slice of a larger batch that the images are, and are damaged as; None: they are the whole batch.

    Returns:
        Damaged images and the mask of missing pixels.
    """
    return _corrupt(corruption, images, BatchGenerator(generator, share or Share.of(len(images), 0, 1)))


@singledispatch
def _corrupt(corruption: Corruption, images: Tensor, draws: BatchGenerator) -> Corrupted:  # noqa: ARG001
    raise TypeError(f"not a corruption: {corruption!r}")


@_corrupt.register
def _(corruption: Clean, images: Tensor, draws: BatchGenerator) -> Corrupted:  # noqa: ARG001
    return Corrupted(images)


@_corrupt.register
def _(corruption: GaussianNoise, images: Tensor, draws: BatchGenerator) -> Corrupted:
    shape, device = images.shape[1:], images.device
    noise = draws.draw(lambda count, source: torch.randn((count, *shape), generator=source, device=device))
    return Corrupted(images + noise * (_noise_levels(corruption, device, draws) / 255))


@_corrupt.register
def _(corruption: BigBlock, images: Tensor, draws: BatchGenerator) -> Corrupted:
    return Corrupted(images, _blocks(images, corruption.side, 1, draws))


@_corrupt.register
def _(corruption: SmallBlocks, images: Tensor, draws: BatchGenerator) -> Corrupted:
    side = _block_side(images, corruption.side)
    count = int(corruption.coverage * images.shape[-2] * images.shape[-1] / side**2)
    return Corrupted(images, _blocks(images, corruption.side, max(1, count), draws))


@_corrupt.register
def _(corruption: Mixture, images: Tensor, draws: BatchGenerator) -> Corrupted:
    choice = _choose(corruption, images.device, draws)
    mixed, masks = images, torch.zeros_like(images[:, 0], dtype=torch.bool)
    for number, part in enumerate(corruption.parts):
        damaged = _corrupt(part, images, draws)  # on all images: one pass, no shapes that depend on the draw
        chosen = choice == number
        mixed = torch.where(chosen[:, None, None, None], damaged.images, mixed)
        if damaged.masks is not None:
            masks = torch.where(chosen[:, None, None], damaged.masks, masks)
    return Corrupted(mixed, masks)


def _choose(mixture: Mixture, device: torch.device, draws: BatchGenerator) -> Tensor:
    if not mixture.weights:
        parts = len(mixture.parts)
        return draws.draw(lambda count, source: torch.randint(parts, (count,), generator=source, device=device))
    weights = on_device(mixture.weights, device)
    return draws.draw(lambda count, source: torch.multinomial(weights, count, replacement=True, generator=source))


def _noise_levels(noise: GaussianNoise, device: torch.device, draws: BatchGenerator) -> Tensor | float:
    if noise.sigma_max <= noise.sigma:
        return noise.sigma
    share = draws.draw(lambda count, source: torch.rand((count, 1, 1, 1), generator=source, device=device))
    return noise.sigma + share * (noise.sigma_max - noise.sigma)


def _blocks(images: Tensor, side: float, number: int, draws: BatchGenerator) -> Tensor:
    """Mask of a number of square blocks an image, all of them inside: (B, H, W) bool."""
    _, _, height, width = images.shape
    length, device = _block_side(images, side), images.device
    place = draws.draw(lambda count, source: torch.rand((2, count, number), generator=source, device=device), dim=1)
    rows = _spans(place[0], height, length)  # (B, number, H)
    columns = _spans(place[1], width, length)  # (B, number, W)
    return torch.bmm(rows.transpose(1, 2), columns) > 0  # a pixel is missing if any block has its row and column


def _spans(place: Tensor, size: int, length: int) -> Tensor:
    start = (place * (size - length + 1)).floor().unsqueeze(-1)
    at = torch.arange(size, device=place.device)
    return ((at >= start) & (at < start + length)).float()


def _block_side(images: Tensor, side: float) -> int:
    return max(1, round(side * min(images.shape[-2:])))


def _check_fraction(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise RecipeError(f"{name} of a block corruption must be in (0, 1], got {value}")
