"""Which layers, which shortcuts, which residual blocks: one `NetworkSpec` a network (supplement A, table 1; C).

Encoder, decoder, heads, sizes, receptive field and cost all derive from it. Convolutions are counted
from 1, as in the paper; convolution i of L is mirrored by deconvolution L - i + 1. What goes past a residual
block sees no pixel that the block's own convolutions do not see, so receptive field and halo are theirs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from symae.errors import RecipeError

__all__ = [
    "Fill",
    "HeadKind",
    "Join",
    "Layer",
    "NetworkSpec",
    "Norm",
    "Shortcuts",
    "network1",
    "network2",
    "network3",
    "rednet",
]

Shortcuts = Literal["all", "input-output", "none"]
Join = Literal["pre", "post"]
Norm = Literal["batch", "none"]
Fill = Literal["mean", "zero"]
HeadKind = Literal["gap-fc", "conv-gap", "gap-fc-fc-fc"]


@dataclass(frozen=True)
class Layer:
    """One convolution of the encoder: output channels, kernel side, stride; zero padding of kernel // 2."""

    channels: int
    kernel: int = 3
    stride: int = 1

    def __post_init__(self) -> None:
        if self.channels < 1 or self.stride < 1:
            raise RecipeError(f"channels and stride must be >= 1, got {self.channels} and {self.stride}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise RecipeError(f"the side of a kernel must be odd, so that stride 1 keeps the size, got {self.kernel}")


@dataclass(frozen=True)
class NetworkSpec:
    """An auto-encoder with symmetric shortcuts, and the heads that fit on its encoder.

    Attributes:
        name: the paper's name, e.g. "network1".
        full: the L convolutions of the encoder at full width.
        width: factor on all channel counts, > 0; narrow networks (0.25) train on small machines.
        channels: 3 for RGB images, 1 for gray.
        shortcuts: "all" joins every second convolution and input to output; "input-output" is the paper's
            "without shortcut" (footnote 1); "none" drops that one too.
        join: "pre" adds raw convolution and raw deconvolution, then BN and ReLU (figure 1b); "post" adds after
            both have passed their ReLU.
        norm: "batch" follows every convolution and deconvolution but the last with BN; "none" has no normalisation,
            and no biases either: as in Mao et al.'s restoration networks, whose output then scales with its input,
            where running statistics would tie it to the brightness and noise of the training crops.
        fill: value of missing pixels: "mean" is 0 after zero-centring, "zero" is black.
        head: layers of the classifier: "gap-fc" (network 1), "conv-gap" (network 2), "gap-fc-fc-fc" (network 3).
        residual: all convolutions but the first form pre-activation residual blocks of two (He et al. 2016), and so do
            their mirrors in the decoder: convolutions 2 and 3 are a block, 4 and 5 and so on. To the raw output of a
            block's second convolution is added what entered the block: the raw map as it is or, where channels or
            size change, a 1x1 projection of the map after its ReLU. The shortcuts then join the ends of blocks.
    """

    name: str
    full: tuple[Layer, ...]
    width: float = 1.0
    channels: int = 3
    shortcuts: Shortcuts = "all"
    join: Join = "pre"
    norm: Norm = "batch"
    fill: Fill = "mean"
    head: HeadKind = "gap-fc"
    residual: bool = False

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise RecipeError(f"network.channels must be 1 (gray) or 3 (RGB), got {self.channels}")
        if not self.width > 0:
            raise RecipeError(f"network.width must be > 0, got {self.width}")
        if not self.full:
            raise RecipeError("a network needs at least one convolution")
        if self.residual and (len(self.full) < 3 or len(self.full) % 2 == 0):
            raise RecipeError(
                "a residual network needs one convolution and then blocks of two, so an odd number of at least 3, "
                f"got {len(self.full)}"
            )

    def adopting(self, other: NetworkSpec) -> NetworkSpec:
        """The network that takes the weights of another: the other, but for its own head, and gray if it is gray."""
        return dataclasses.replace(other, head=self.head, channels=min(self.channels, other.channels))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The L convolutions at this width."""
        return tuple(dataclasses.replace(layer, channels=self.scale(layer.channels)) for layer in self.full)

    def scale(self, channels: int) -> int:
        """Scale a channel count by the width, to at least one."""
        return max(1, round(channels * self.width))

    @property
    def joined(self) -> tuple[int, ...]:
        """The convolutions i < L whose output is added where deconvolution L - i ends.

        Every second one: 2, 4 and so on, or where the blocks of a residual network begin and end: 1, 3 and so on.
        """
        return tuple(range(1 if self.residual else 2, len(self.full), 2)) if self.shortcuts == "all" else ()

    @property
    def ends(self) -> tuple[int, ...]:
        """The convolutions after which a residual block begins or ends: 1, 3, 5 ... L; without blocks, none."""
        return tuple(range(1, len(self.full) + 1, 2)) if self.residual else ()

    @property
    def projections(self) -> dict[int, Layer]:
        """The 1x1 convolution past each block that changes channels or size, by the block's last convolution."""
        found = {}
        for end in self.ends[1:]:
            start, first, last = self.layers[end - 3 : end]
            stride = first.stride * last.stride
            if stride > 1 or start.channels != last.channels:
                found[end] = Layer(last.channels, kernel=1, stride=stride)
        return found

    @property
    def input_to_output(self) -> bool:
        """Whether the corrupted input is added to the output, which makes the learned function a residual."""
        return self.shortcuts != "none"

    @property
    def stride(self) -> int:
        """Input pixels for one pixel of the last feature map."""
        product = 1
        for layer in self.full:
            product *= layer.stride
        return product

    @property
    def multiple(self) -> int:
        """The auto-encoder extends both sides of an image to multiples of this; 1: it takes images as they are.

        Strides meet the lower and the right edge otherwise on odd sides than on even ones. Networks without BN are for
        photographs of any size and learn from crops of one: restore-large, trained on even crops, lost 2 dB over
        whole photographs of 481 x 321 by those edges. The encoder alone, and what is fine-tuned from it, take images
        as they are: nobody looks at their edges.
        """
        return self.stride if self.norm == "none" else 1

    def receptive_field(self, layer: int | None = None) -> int:
        """Side in pixels of the input region that one value after convolution `layer` (default: the last) sees."""
        field, jump = 1, 1
        for step in self.full[:layer]:
            field += (step.kernel - 1) * jump
            jump *= step.stride
        return field

    @property
    def halo(self) -> int:
        """Distance in pixels beyond which an input pixel cannot influence an output pixel of the decoder."""
        return max(max(at - low, high - at) for at in range(self.stride) for low, high in [self._sees(at)])

    def _sees(self, at: int) -> tuple[int, int]:
        """First and last input pixel, along one axis, that output pixel `at` depends on."""
        low = high = at
        for layer in self.full:  # down the decoder: the mirror of convolution 1 is the last deconvolution
            pad = layer.kernel // 2
            low = -((layer.kernel - 1 - pad - low) // layer.stride)  # ceil((low + pad - kernel + 1) / stride)
            high = (high + pad) // layer.stride
        for layer in reversed(self.full):  # and up the encoder
            pad = layer.kernel // 2
            low = low * layer.stride - pad
            high = high * layer.stride - pad + layer.kernel - 1
        return low, high

    def sizes(self, size: int) -> tuple[int, ...]:
        """Side of the input and of every feature map of the encoder, e.g. 29, 29, 15, ..., 4."""
        sides = [size]
        for layer in self.full:
            sides.append(-(-sides[-1] // layer.stride))
        return tuple(sides)

    def flops(self, height: int, width: int, *, decoder: bool = True) -> int:
        """Floating point operations of one image's forward pass, two a multiply-add, convolutions alone."""
        if decoder:
            height, width = (-(-side // self.multiple) * self.multiple for side in (height, width))
        total, channels = 0, [self.channels, *(layer.channels for layer in self.layers)]
        areas = [rows * columns for rows, columns in zip(self.sizes(height), self.sizes(width), strict=True)]
        for i, layer in enumerate(self.layers, 1):
            total += 2 * areas[i] * channels[i - 1] * layer.channels * layer.kernel**2
        for end, layer in self.projections.items():
            total += 2 * areas[end] * channels[end - 2] * layer.channels
        return 2 * total if decoder else total  # a deconvolution costs what its mirror does

    def to_dict(self) -> dict[str, Any]:
        """Write the spec as plain JSON values; `from_dict` reads it."""
        return {**dataclasses.asdict(self), "full": [dataclasses.astuple(layer) for layer in self.full]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkSpec:
        """Read what `to_dict` wrote.

        Raises:
            RecipeError: a key is missing or unknown, or a value out of range.
        """
        try:
            return cls(**{**values, "full": tuple(Layer(*layer) for layer in values["full"])})
        except (TypeError, KeyError) as error:
            raise RecipeError(f"not a network specification: {error}") from error


def network1(m: tuple[int, int, int, int] = (5, 5, 5, 0), n: int = 128) -> NetworkSpec:
    """Build network 1: stage s has m[s] convolutions of n * 2**s channels, the last with stride 2.

    (5, 5, 5, 0) with n = 128 is the paper's for CIFAR, (2, 2, 3, 3) with n = 64 its for STL-10.
    """
    layers = [
        Layer(n * 2**stage, stride=2 if step == count - 1 else 1)
        for stage, count in enumerate(m)
        for step in range(count)
    ]
    return NetworkSpec("network1", tuple(layers))


def network2() -> NetworkSpec:
    """Build network 2, All-CNN-C without its class layer, for CIFAR-10 with 4,000 labels."""
    first, second = (
        (Layer(96), Layer(96), Layer(96, stride=2)),
        (Layer(192), Layer(192), Layer(192, stride=2)),
    )
    return NetworkSpec("network2", (*first, *second, Layer(192), Layer(192, kernel=1)), head="conv-gap")


def network3() -> NetworkSpec:
    """Build network 3, VGG-16 with strides in place of pooling, for ImageNet and VOC."""
    layers = [
        Layer(channels, stride=2 if step == count - 1 else 1)
        for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
        for step in range(count)
    ]
    return NetworkSpec("network3", tuple(layers), head="gap-fc-fc-fc")


def rednet(depth: int = 30, filters: int = 64) -> NetworkSpec:
    """Build the restoration network of Mao et al.: depth / 2 convolutions, as many deconvolutions, no strides.

    Raises:
        RecipeError: depth is odd or < 4.
    """
    if depth < 4 or depth % 2:
        raise RecipeError(f"rednet needs an even depth of at least 4, got {depth}")
    return NetworkSpec(f"rednet{depth}", (Layer(filters),) * (depth // 2))
