"""Residual blocks with symmetric shortcuts (supplement C): the wide ResNet, and what goes past its blocks."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from symae.errors import RecipeError
from symae.networks.spec import Layer, NetworkSpec

__all__ = ["Skips", "pyramid", "wide_resnet"]


class Skips(nn.ModuleDict):
    """What goes past the residual blocks of an encoder or a decoder.

    It holds the 1x1 convolutions, in a decoder the 1x1 deconvolutions, past the blocks that change channels or size,
    by the number of the convolution on whose map the block ends. Past all other blocks goes the identity.
    """

    def forward(self, x: Tensor, end: int, raw: Tensor, activated: Tensor) -> Tensor:
        """Add what goes past a block to what its convolutions made; may do so in place.

        Args:
            x: (B, c, h, w), of the block's second convolution.
            end: number of the convolution on whose map the block ends.
            raw: (B, c', h', w'), what entered the block, before its BN and ReLU.
            activated: the same after them.

        Returns:
            (B, c, h, w).
        """
        if str(end) not in self:
            return x + raw
        projection = cast("nn.Conv2d | nn.ConvTranspose2d", self[str(end)])
        if not isinstance(projection, nn.ConvTranspose2d):
            return x + _project(projection, activated)
        if torch.compiler.is_exporting():  # a graph keeps the deconvolution, which export/subpixel.py rewrites
            past: Tensor = projection(activated)  # as large as it can be, see `Decoder`
            return x + past.narrow(2, 0, x.shape[2]).narrow(3, 0, x.shape[3])
        return _add_between(x, projection, activated)


def _project(projection: nn.Conv2d, activated: Tensor) -> Tensor:
    """A 1x1 convolution of stride s, of every s-th pixel but in a graph: for why, see `_add_between`."""
    if torch.compiler.is_exporting():
        past: Tensor = projection(activated)
        return past
    rows, columns = projection.stride
    return F.conv2d(activated[:, :, ::rows, ::columns], projection.weight)


def _add_between(x: Tensor, projection: nn.ConvTranspose2d, activated: Tensor) -> Tensor:
    """Add a 1x1 deconvolution of stride s to x (B, c, h, w), in place: it is zero but at every s-th pixel.

    oneDNN's own backward pass of strided ones, and of strided 1x1 convolutions, writes beyond its memory where channels
    are few (8 to 4 and 6 to 8 crash PyTorch 2.15 on a CPU).
    """
    rows, columns = projection.stride
    x[:, :, ::rows, ::columns] += F.conv2d(activated, projection.weight.transpose(0, 1))
    return x


def wide_resnet(depth: int = 16, widen: int = 8) -> NetworkSpec:
    """Build the encoder WRN-depth-widen of Zagoruyko & Komodakis (2016), with its mirror as decoder.

    A convolution of 16 channels, then three groups of n = (depth - 4) / 6 residual blocks, of 16, 32 and 64 times
    `widen` channels; groups 2 and 3 start with stride 2.

    Args:
        depth: 6 n + 4 with n >= 1; the original counts the projection past each group among the layers.
        widen: factor on the channels of the blocks, >= 1.

    Raises:
        RecipeError: there is no such network.
    """
    blocks, rest = divmod(depth - 4, 6)
    if blocks < 1 or rest:
        raise RecipeError(f"the depth of a wide ResNet must be 10, 16, 22, 28 or so on, got {depth}")
    if widen < 1:
        raise RecipeError(f"a wide ResNet must be widened by a factor of at least 1, got {widen}")
    layers = [Layer(16)]
    for channels, stride in ((16 * widen, 1), (32 * widen, 2), (64 * widen, 2)):
        layers += [Layer(channels, stride=stride), *[Layer(channels)] * (2 * blocks - 1)]
    return NetworkSpec(f"wrn-{depth}-{widen}", tuple(layers), residual=True)


def pyramid(
    channels: tuple[int, ...] = (32, 64, 96, 128), blocks: int | tuple[int, ...] = 1, stride: int = 1
) -> NetworkSpec:
    """Build a network to restore with: a convolution, then residual blocks at one size, a half of it and so on.

    Without BN and biases; see `NetworkSpec.norm`.

    Args:
        channels: at the first size, at half of it and so on; at least two sizes.
        blocks: residual blocks in the encoder, and again in the decoder, >= 1: at each size, or size by size.
        stride: of the first convolution, whose kernel is 2 * stride + 1; with 2 there are no blocks at full size, where
            they cost most and hold the fewest weights (FFDNet, Zhang et al. 2018, works at half size, too).

    Raises:
        RecipeError: there is no such network.
    """
    counts = (blocks,) * len(channels) if isinstance(blocks, int) else blocks
    if len(channels) < 2 or len(counts) != len(channels) or min(counts) < 1:
        raise RecipeError(
            f"a pyramid has two sizes and one block a size at least, got channels {channels} and blocks {blocks}"
        )
    first = Layer(channels[0], kernel=2 * stride + 1, stride=stride)
    layers = [first, *[Layer(channels[0])] * (2 * counts[0])]
    for width, count in zip(channels[1:], counts[1:], strict=True):
        layers += [Layer(width, stride=2), *[Layer(width)] * (2 * count - 1)]
    name = "pyramid" if stride == 1 else f"pyramid-{stride}"
    return NetworkSpec(name, tuple(layers), norm="none", residual=True)
