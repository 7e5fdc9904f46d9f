"""The convolutional auto-encoder with symmetric shortcuts (section 3.1, figure 1).

Images enter and leave in [0, 1], or enter as bytes; normalisation and the filling of missing pixels happen inside, with
buffers, so that no caller can get them wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from symae.networks.features import FeatureExtractor
from symae.networks.residual import Skips
from symae.networks.spec import Layer, NetworkSpec

__all__ = ["Decoder", "Encoder", "Encoding", "Initialisation", "SymmetricAutoencoder", "initialise"]

Initialisation = Literal["gaussian", "he"]
BLOCK_GAIN = 0.1  # of what a residual block without BN adds at first


@dataclass(frozen=True)
class Encoding:
    """What the encoder hands to the decoder.

    Attributes:
        inputs: (B, C, H, W) normalised, missing pixels filled.
        shortcuts: for each joined convolution, the map (B, c, h, w) that its deconvolution gets.
        sizes: (h, w) of the input and of every feature map.
        raw: (B, c, h, w) last feature map before its BN and ReLU; residual blocks go on with it.
        features: (B, c, h, w) last feature map, after its ReLU.
    """

    inputs: Tensor
    shortcuts: dict[int, Tensor]
    sizes: list[tuple[int, int]]
    raw: Tensor
    features: Tensor


class Encoder(nn.Module):
    """Normalisation, then L times convolution, BN, ReLU, with skips where the spec has residual blocks."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("mean", torch.full((spec.channels, 1, 1), 0.5))
        self.register_buffer("std", torch.full((spec.channels, 1, 1), 0.25))
        inputs = [spec.channels, *(layer.channels for layer in spec.layers[:-1])]
        self.convolutions = nn.ModuleList(map(_convolution, inputs, spec.layers))
        self.norms = nn.ModuleList(_normalisation(spec, layer.channels) for layer in spec.layers)
        self.skips = Skips({str(end): _convolution(inputs[end - 2], layer) for end, layer in spec.projections.items()})

    def normalise(self, images: Tensor, masks: Tensor | None = None) -> Tensor:
        """Zero-centre and scale each channel, and fill missing pixels.

        Args:
            images: (B, C, H, W) float in [0, 1], beyond it with noise; or uint8, as TorchVision reads images.
            masks: (B, H, W) bool, True where a pixel is missing; None: nowhere.

        Returns:
            (B, C, H, W) float, of mean 0 and standard deviation 1 over the training set.
        """
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype) / 255
        x = (images - self.mean) / self.std
        if masks is None:
            return x
        fill = torch.zeros_like(self.mean) if self.spec.fill == "mean" else -self.mean / self.std
        return torch.where(masks.unsqueeze(1), fill, x)

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Encoding:
        """Encode images (B, C, H, W) of any H and W >= 1; see `normalise` for their values and the masks."""
        inputs = self.normalise(images, masks)
        shortcuts, sizes = {}, [_size(inputs)]
        for i, (raw, x) in enumerate(self.maps(inputs), 1):
            sizes.append(_size(x))
            if i in self.spec.joined:
                shortcuts[i] = raw if self.spec.join == "pre" else x
        return Encoding(inputs, shortcuts, sizes, raw, x)

    def feature_map(self, images: Tensor, layer: int | None = None) -> Tensor:
        """Compute the map (B, c, h, w) after the ReLU of convolution `layer`, counted from 1; default: the last."""
        last = len(self.spec.full) if layer is None else layer
        _, x = next(itertools.islice(self.maps(self.normalise(images)), last - 1, None))
        return x

    def maps(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the map (B, c, h, w) of each convolution twice, raw and after BN and ReLU, from normalised images."""
        start, ends = (x, x), self.spec.ends
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True), 1):
            raw = convolution(x)
            if i in ends[1:]:
                raw = self.skips(raw, i, *start)
            x = F.relu(norm(raw))
            if i in ends:
                start = raw, x  # what enters the next block
            yield raw, x

    def unnormalised_ends(self) -> list[nn.Module]:
        """List the last convolution of each residual block, where no BN follows it."""
        return [self.convolutions[end - 1] for end in self.spec.ends[1:] if self.spec.norm == "none"]


class Decoder(nn.Module):
    """The mirror of the encoder up to, but without, its last deconvolution, which is the task's own layer.

    A transposed convolution of stride s could end on any of s sizes. It always gets output_padding s - 1, the
    largest of them, and is cropped to the size that the encoder recorded: exact for every H and W.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        mirrored = list(reversed(spec.layers))
        outputs = [layer.channels for layer in mirrored[1:]]
        self.deconvolutions = nn.ModuleList(map(_deconvolution, mirrored[:-1], outputs))
        self.norms = nn.ModuleList(_normalisation(spec, channels) for channels in outputs)
        self.skips = Skips()
        for end, layer in reversed(spec.projections.items()):  # its mirror ends on the map that the block starts from
            self.skips[str(end - 2)] = _deconvolution(layer, spec.layers[end - 3].channels)

    def forward(self, encoding: Encoding) -> Tensor:
        """Decode to the map (B, c_1, h_1, w_1) that has the size of the first convolution's."""
        x, last = encoding.features, len(self.spec.full)
        start = encoding.raw, x
        for j, (deconvolution, norm) in enumerate(zip(self.deconvolutions, self.norms, strict=True), 1):
            i = last - j  # this deconvolution ends where convolution i did
            raw = _deconvolve(deconvolution, x, encoding.sizes[i])
            if i in self.spec.ends:
                raw = self.skips(raw, i, *start)
            shortcut = encoding.shortcuts.get(i)
            if shortcut is not None and self.spec.join == "pre":
                raw = raw + shortcut
            x = F.relu(norm(raw))
            if shortcut is not None and self.spec.join == "post":
                x = x + shortcut
            if i in self.spec.ends:
                start = raw, x  # what enters the next block, with its shortcut
        return x

    def unnormalised_ends(self) -> list[nn.Module]:
        """List the last deconvolution of each residual block, where no BN follows it."""
        last = len(self.spec.full)
        return [self.deconvolutions[last - end - 1] for end in self.spec.ends[:-1] if self.spec.norm == "none"]


class SymmetricAutoencoder(FeatureExtractor):
    """Encoder, decoder, and the last deconvolution, to which the input is added: f(x~) of section 3.3."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        self.output = _deconvolution(spec.layers[0], spec.channels)
        initialise(self)

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Tensor:
        """Reconstruct clean images.

        Args:
            images: (B, C, H, W) float in [0, 1], beyond it with noise; or uint8.
            masks: (B, H, W) bool, True where a pixel is missing; None: nowhere.

        Returns:
            (B, C, H, W) float in [0, 1] up to the error of reconstruction, not clamped.
        """
        size, multiple = _size(images), self.spec.multiple
        continued = multiple > 1 and (torch.compiler.is_exporting() or any(side % multiple for side in size))
        if continued:
            images, masks = _continue(images, multiple), None if masks is None else _continue(masks, multiple)
        encoding = self.encoder(images, masks)
        x = _deconvolve(self.output, self.decoder(encoding), encoding.sizes[0])
        if self.spec.input_to_output:
            x = x + encoding.inputs
        x = x * self.encoder.std + self.encoder.mean
        return _crop(x, size) if continued else x


def initialise(module: nn.Module, generator: torch.Generator | None = None, rule: Initialisation = "gaussian") -> None:
    """Draw all weights anew, with zero biases; BN starts as the identity.

    Args:
        module: its convolutions, deconvolutions and linear layers are drawn in their order.
        generator: source of randomness, on the module's device; None: PyTorch's own.
        rule: "gaussian" is N(0, 0.01), the paper's (section 4); "he" is N(0, 2 / fan-in), after He et al. 2015,
            which keeps the size of activations and gradients, and trains much faster where a rate of 1e-3
            and more is 20 % of a paper's weight at every step of Adam. An auto-encoder's last deconvolution
            stays N(0, 0.01) even so: what it adds to the input then starts near zero. Where there is no BN, the last
            layer of each residual block begins at a tenth, so that blocks begin near the identity (as Zhang et al.
            2019, "Fixup", have it begin at zero).
    """
    residual = module.output if isinstance(module, SymmetricAutoencoder) else None
    small = {
        end for part in module.modules() if isinstance(part, Encoder | Decoder) for end in part.unnormalised_ends()
    }
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            std = 0.01 if rule == "gaussian" or part is residual else (2 / _fan_in(part)) ** 0.5
            if rule == "he" and part in small:
                std *= BLOCK_GAIN
            nn.init.normal_(part.weight, std=std, generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _fan_in(part: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> float:
    """Inputs that one output is summed from; of a strided deconvolution's kernel, each output meets a part."""
    if isinstance(part, nn.Linear):
        return part.in_features
    area = part.kernel_size[0] * part.kernel_size[1]
    if isinstance(part, nn.ConvTranspose2d):
        return part.in_channels * area / (part.stride[0] * part.stride[1])
    return part.in_channels * area


def _deconvolve(deconvolution: nn.Module, x: Tensor, size: tuple[int, int]) -> Tensor:
    x = deconvolution(x)
    if deconvolution.stride == (1, 1):
        return x  # of this size already; an exported graph is spared the crop
    return _crop(x, size)


def _crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x.narrow(2, 0, size[0]).narrow(3, 0, size[1])  # a slice is no symbol to the exporter of PyTorch 2.11


def _continue(x: Tensor, multiple: int) -> Tensor:
    """Mirror x (..., H, W), of any dtype, at its last row and column until both sides are multiples.

    Repeating them instead would draw their noise out into stripes, which look like something.
    """
    rows, columns = (_mirrored(side, side + -side % multiple, x.device) for side in _size(x))
    return x.index_select(-2, rows).index_select(-1, columns)


def _mirrored(side: int, longer: int, device: torch.device) -> Tensor:
    """Which of `side` rows each of `longer` ones is; an image of fewer than them repeats its first."""
    last = side - 1
    return (last - (torch.arange(longer, device=device) - last).abs()).clamp(min=0)


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]


def _normalisation(spec: NetworkSpec, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if spec.norm == "batch" else nn.Identity()


def _convolution(inputs: int, layer: Layer) -> nn.Conv2d:
    return nn.Conv2d(inputs, layer.channels, layer.kernel, layer.stride, padding=layer.kernel // 2, bias=False)


def _deconvolution(mirrored: Layer, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(
        mirrored.channels,
        outputs,
        mirrored.kernel,
        mirrored.stride,
        padding=mirrored.kernel // 2,
        output_padding=mirrored.stride - 1,
        bias=False,
    )
