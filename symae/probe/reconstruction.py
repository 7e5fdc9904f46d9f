"""A stack of deconvolutions that brings a layer's map back to the image (section 5.1, figure 3b).

The paper has "a simple stack of deconvolutional layers with the same numbers of parameters and different strides for
activations of different sizes". Here:

- every depth of a network has the same number of deconvolutions, one more than the network has strides: the first
  ones undo the strides that lie between image and map, in reverse; the others have stride 1. So the last one always
  works at full size and can smooth what strided ones leave.
- kernels are 3 x 3; ReLU between them, nothing after the last. No BN and no shortcut: the map is all there is.
- layers have different numbers of channels, so the inner widths are chosen to bring the number of parameters of
  every depth to that of one stack: the one on the network's widest map, with half as many inner channels as the
  network's first layer. It is met within `TOLERANCE`.
- Adam whose rate rises and falls once, the same number of steps at every depth; mean square error in normalised
  units, as in pre-training. The targets are the clean images, which are also what the encoder sees.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from symae.networks import NetworkSpec
from symae.networks.autoencoder import initialise
from symae.probe.features import Advance
from symae.randomness import generator

__all__ = ["EPOCHS", "TOLERANCE", "Examples", "Stack", "StackSpec", "fit_stack", "stack_spec"]

Examples = Callable[[Tensor], tuple[Tensor, Tensor]]

TOLERANCE = 0.01  # largest relative difference in parameters between the depths of the paper's networks
EPOCHS = 15
BATCH = 64
RATE = 5e-3  # at its highest; with 2e-3 all along it takes twice the epochs to get as far
KERNEL = 3
SPREAD = 2  # how far beyond the network's own channels inner widths are looked for


@dataclass(frozen=True)
class StackSpec:
    """The deconvolutions on one layer's map.

    Attributes:
        widths: channels of the map, between the deconvolutions, and of the image: one more than there are
            deconvolutions.
        strides: of each deconvolution.
        sides: of the map, and of what each deconvolution ends on, in pixels of square crops.
    """

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    sides: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return _parameters(self.widths)

    @property
    def flops(self) -> int:
        """Floating point operations of one image's forward pass, two a multiply-add."""
        pairs = zip(self.widths, self.widths[1:], self.sides, strict=False)
        return sum(2 * KERNEL**2 * inputs * outputs * side**2 for inputs, outputs, side in pairs)


class Stack(nn.Module):
    """Deconvolutions with ReLU between them: maps (B, c, h, w) to normalised images (B, C, S, S)."""

    def __init__(self, spec: StackSpec) -> None:
        super().__init__()
        self.spec = spec
        self.deconvolutions = nn.ModuleList(
            nn.ConvTranspose2d(inputs, outputs, KERNEL, stride, padding=KERNEL // 2, output_padding=stride - 1)
            for inputs, outputs, stride in zip(spec.widths, spec.widths[1:], spec.strides, strict=False)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Reconstruct images in the units that the encoder normalises to."""
        x = maps
        for number, (deconvolution, side) in enumerate(zip(self.deconvolutions, self.spec.sides[1:], strict=True)):
            x = deconvolution(F.relu(x) if number else x)[..., :side, :side]
        return x


def stack_spec(network: NetworkSpec, layer: int, side: int) -> StackSpec:
    """Shape the stack for the map after convolution `layer`, counted from 1, of crops of a side in pixels."""
    strided = [number for number, step in enumerate(network.full, 1) if step.stride > 1]
    depth = max(2, len(strided) + 1)
    undone = [number for number in reversed(strided) if number <= layer]
    sides = network.sizes(side)
    rest = depth - len(undone)
    return StackSpec(
        widths=_widths(network, layer, depth),
        strides=(*(network.full[number - 1].stride for number in undone), *(1,) * rest),
        sides=(sides[layer], *(sides[number - 1] for number in undone), *(side,) * rest),
    )


def fit_stack(stack: Stack, examples: Examples, rows: Tensor, seed: int, advance: Advance) -> None:
    """Draw a stack's weights and train it.

    Args:
        stack: on the device of the maps.
        examples: gives the maps (B, c, h, w) and the normalised images (B, C, S, S) of some rows (B,).
        rows: (N,) int64, those to train on, on the same device.
        seed: of weights and order.
        advance: called with the number of images of each step.
    """
    initialise(stack, generator(rows.device, seed, "probe", "stack"), "he")
    stack.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(stack.parameters(), lr=RATE, fused=True)
    steps = EPOCHS * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, cycle_momentum=False)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(rows), generator=generator("cpu", seed, "probe", "order", epoch))
        for batch in torch.split(rows[order.to(rows.device)], BATCH):
            maps, images = examples(batch)
            loss = (stack(maps) - images).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            advance(len(batch))


def _widths(network: NetworkSpec, layer: int, depth: int) -> tuple[int, ...]:
    """Choose inner widths, the first and the others, that meet the parameters wanted; nearly equal ones if possible."""
    half = max(1, network.layers[0].channels // 2)
    widest = max(step.channels for step in network.layers)
    wanted = _parameters((widest, *(half,) * (depth - 1), network.channels))

    def widths(first: int, others: int) -> tuple[int, ...]:
        return (network.layers[layer - 1].channels, first, *(others,) * (depth - 2), network.channels)

    def pair(others: int) -> tuple[int, int]:
        base = _parameters(widths(0, others))
        each = _parameters(widths(1, others)) - base  # a stack grows evenly with its first inner layer
        return max(1, round((wanted - base) / each)), others

    def miss(pair: tuple[int, int]) -> tuple[float, float]:
        error = abs(_parameters(widths(*pair)) - wanted) / wanted
        return max(error, TOLERANCE / 2), abs(pair[0] - pair[1])

    narrow, wide = max(1, half // SPREAD), SPREAD * max(half, widest)
    return widths(*min(map(pair, range(narrow, wide + 1)), key=miss))


def _parameters(widths: tuple[int, ...]) -> int:
    return sum((KERNEL**2 * inputs + 1) * outputs for inputs, outputs in itertools.pairwise(widths))
