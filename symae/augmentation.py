"""How training images are varied before they are damaged: moved, recoloured, mixed with each other.

A whole batch at once, on its device, each image in its own way, with draws from a given generator. What has no
strength is left out, not done by nothing: without any augmentation, images and targets pass untouched to the bit.
Where pixels come from is computed element by element; a matrix product would lose half its digits in bfloat16.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from symae.cutmix import paste_boxes
from symae.device import on_device
from symae.errors import RecipeError
from symae.randomness import BatchGenerator, Share

__all__ = ["Augmentation", "Augmented", "augment"]

Gather = Callable[[Tensor], Tensor]

LUMA = (0.299, 0.587, 0.114)  # what a colour weighs in its gray, as in JPEG


@dataclass(frozen=True)
class Augmentation:
    """How far each image may be varied; the defaults leave it as it is.

    Attributes:
        shift: whole pixels that an image is moved up or down, left or right, at most; a crop from an image that was
            padded by as much. What comes in at the border is mirrored from inside.
        rotation: largest angle in degrees, to both sides.
        scale: enlarged or reduced by a factor of up to 1 + scale, uniform in its logarithm.
        shear: largest angle in degrees by which upright lines lean to either side.
        brightness: all samples are multiplied by a number in [1 - brightness, 1 + brightness].
        contrast: the same for the distance from the image's mean gray.
        saturation: the same for the distance from each pixel's gray; without effect on gray images.
        mix: "mixup" adds another image of the batch, weighted (Zhang et al. 2018); "cutmix" pastes a box of another
            one (Yun et al. 2019). The targets become shares of two classes. The other's share is uniform in [0, 1], as
            both papers have it for CIFAR.
        mix_probability: chance that an image is mixed.
    """

    shift: int = 0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    mix: Literal["none", "mixup", "cutmix"] = "none"
    mix_probability: float = 0.5

    def __post_init__(self) -> None:
        for name, most in (("shift", math.inf), ("rotation", 180), ("scale", math.inf), ("shear", 60)):
            if not 0 <= getattr(self, name) <= most:
                raise RecipeError(f"augmentation.{name} must be in [0, {most}], got {getattr(self, name)}")
        for name in ("brightness", "contrast", "saturation", "mix_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"augmentation.{name} must be in [0, 1], got {getattr(self, name)}")

    @property
    def bends(self) -> bool:
        """Whether pixels land between pixels, and are interpolated."""
        return bool(self.rotation or self.scale or self.shear)

    @property
    def recolours(self) -> bool:
        """Whether samples change in place."""
        return bool(self.brightness or self.contrast or self.saturation)

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with each other."""
        return self.mix != "none" and self.mix_probability > 0

    @property
    def varies(self) -> bool:
        """Whether it does anything at all."""
        return bool(self.shift or self.bends or self.recolours or self.mixes)


@dataclass(frozen=True)
class Augmented:
    """A varied batch.

    Attributes:
        images: (B, C, H, W) float32 in [0, 1].
        targets: as they were given; of mixed images (B, K) float32, the share of each class, of sum 1 or, where shares
            were given, of their sum.
    """

    images: Tensor
    targets: Tensor | None


def augment(
    augmentation: Augmentation,
    images: Tensor,
    targets: Tensor | None,
    generator: torch.Generator,
    classes: int = 0,
    share: Share | None = None,
    gather: Gather = lambda values: values,
) -> Augmented:
    """Vary a batch of images, each in its own way: moved, then recoloured, then mixed.

    Args:
        augmentation: how far.
        images: (B, C, H, W) float32 in [0, 1].
        targets: (B,) int64 | (B, K) uint8 | (B, K) float32 of shares | (B, H, W) uint8 label maps, which move with
            their images | None.
        generator: source of randomness, on the device of the images; same state, same output.
        classes: their number K, where images are mixed.
        share: the slice of a larger batch that the images are, and are varied as; None: they are the whole batch.
        gather: makes the whole batch (N, ...) of the slices of all processes, where images are mixed.

    Raises:
        RecipeError: images are to be mixed whose targets are not one class each.
    """
    draws = BatchGenerator(generator, share or Share.of(len(images), 0, 1))
    if augmentation.shift or augmentation.bends:
        images, targets = _move(augmentation, images, targets, draws)
    if augmentation.recolours:
        images = _recolour(augmentation, images, draws)
    if augmentation.mixes:
        return _mix(augmentation, images, _shares(augmentation, targets, classes), draws, gather)
    return Augmented(images, targets)


def _move(
    augmentation: Augmentation, images: Tensor, targets: Tensor | None, draws: BatchGenerator
) -> tuple[Tensor, Tensor | None]:
    """Sample every pixel where one affine map, drawn for each image, has it come from."""
    grid = _places(augmentation, images, draws)
    moved = _sample(images, grid, "bilinear" if augmentation.bends else "nearest").clamp(0, 1)
    if targets is None or targets.ndim != 3:
        return moved, targets
    return moved, _sample(targets[:, None].float(), grid, "nearest")[:, 0].to(targets.dtype)


def _places(augmentation: Augmentation, images: Tensor, draws: BatchGenerator) -> Tensor:
    """Where each pixel of the result lies in its image: (B, H, W, 2) of x and y, from -1 to 1."""
    height, width = images.shape[-2:]
    drawn = _uniform(draws, images, 5, 2) * 2 - 1  # in [-1, 1)
    angle = math.radians(augmentation.rotation) * drawn[0]
    zoom = torch.exp(math.log1p(augmentation.scale) * drawn[1])
    lean = torch.tan(math.radians(augmentation.shear) * drawn[2])
    down, right = ((augmentation.shift + 0.5) * drawn[3:]).round().clamp(-augmentation.shift, augmentation.shift)
    y = torch.arange(height, device=images.device)[:, None] - (height - 1) / 2  # (H, 1), from the centre
    x = torch.arange(width, device=images.device)[None, :] - (width - 1) / 2 + lean * y  # (B, H, W)
    across = zoom * (angle.cos() * x - angle.sin() * y) + right
    along = zoom * (angle.sin() * x + angle.cos() * y) + down
    return torch.stack([across * (2 / width), along * (2 / height)], -1)


def _sample(images: Tensor, grid: Tensor, rule: str) -> Tensor:
    return F.grid_sample(images, grid, mode=rule, padding_mode="reflection", align_corners=False)


def _recolour(augmentation: Augmentation, images: Tensor, draws: BatchGenerator) -> Tensor:
    strengths = (augmentation.brightness, augmentation.contrast, augmentation.saturation)
    drawn = _uniform(draws, images, 3, 3) * 2 - 1
    bright, contrast, saturation = (1 + strength * draw for strength, draw in zip(strengths, drawn, strict=True))
    images = images * bright
    mean = _gray(images).mean((2, 3), keepdim=True)
    images = torch.lerp(mean.expand_as(images), images, contrast)
    gray = _gray(images)
    return torch.lerp(gray.expand_as(images), images, saturation).clamp(0, 1)


def _gray(images: Tensor) -> Tensor:
    """(B, 1, H, W)."""
    if images.shape[1] == 1:
        return images
    return (images * on_device(LUMA, images.device)[:, None, None]).sum(1, keepdim=True)


def _shares(augmentation: Augmentation, targets: Tensor | None, classes: int) -> Tensor:
    """(B, K) float32."""
    if targets is not None and targets.ndim == 1:
        return F.one_hot(targets, classes).float()
    if targets is not None and targets.ndim == 2 and targets.is_floating_point():
        return targets
    raise RecipeError(f"augmentation.mix={augmentation.mix} needs images of one class each")


def _mix(
    augmentation: Augmentation, images: Tensor, labels: Tensor, draws: BatchGenerator, gather: Gather
) -> Augmented:
    drawn, others = _uniform(draws, images, 4, 0), draws.permutation()  # (4, B); (B,), in the whole batch
    share = torch.where(drawn[0] < augmentation.mix_probability, drawn[1], 0.0)  # (B,), of the other image
    other_images, other_labels = gather(images)[others], gather(labels)[others]
    if augmentation.mix == "mixup":
        mixed = torch.lerp(images, other_images, share[:, None, None, None])
    else:
        mixed, share = paste_boxes(images, other_images, share, drawn[2:])
    return Augmented(mixed, torch.lerp(labels, other_labels, share[:, None]))


def _uniform(draws: BatchGenerator, images: Tensor, number: int, trailing: int) -> Tensor:
    """A number of draws in [0, 1) for each image: (number, B, 1, ...) with so many trailing dimensions."""
    ones = (1,) * trailing
    return draws.draw(
        lambda count, source: torch.rand((number, count, *ones), generator=source, device=images.device), dim=1
    )
