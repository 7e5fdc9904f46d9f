"""The modules that are exported: images of bytes in, images of bytes or numbers out.

One class for each kind of `serve.metadata.Kind`. Layout, scale, rounding, softmax live here and so inside each
ONNX graph: who serves it does no image arithmetic. `masks` are True, i.e. non-zero, where a pixel is missing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from symae.networks import Classifier, Encoder, Segmenter, SymmetricAutoencoder

__all__ = ["AutoencoderGraph", "ClassifierGraph", "EncoderGraph", "Graph", "SegmenterGraph"]


class AutoencoderGraph(nn.Module):
    """Images (N, H, W, C) and masks (N, H, W), both uint8, to reconstructions (N, H, W, C) uint8."""

    inputs = ("image", "mask")
    outputs = ("reconstruction",)

    def __init__(self, autoencoder: SymmetricAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Reconstruct; values beyond the range of bytes are clamped, halves rounded to even."""
        x: Tensor = self.autoencoder(_planes(image), mask != 0)
        # a number of bytes before the permutation moves a quarter of what floats would
        return (x.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


class EncoderGraph(nn.Module):
    """Images (N, H, W, C) uint8 to embeddings (N, D) and feature maps (N, D, h, w), both float32.

    Args:
        encoder: the trained part.
        layer: the convolution, counted from 1, after whose ReLU it is read.
    """

    inputs = ("image",)
    outputs = ("embedding", "feature_map")

    def __init__(self, encoder: Encoder, layer: int) -> None:
        super().__init__()
        self.encoder, self.layer = encoder, layer

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Read the feature map of the layer, and its mean over all positions."""
        feature_map = self.encoder.feature_map(_planes(image), self.layer)
        return feature_map.mean((2, 3)), feature_map


class ClassifierGraph(nn.Module):
    """Images (N, H, W, C) uint8 to probabilities (N, K) float32: each by itself if `multi_label`."""

    inputs = ("image",)
    outputs = ("probabilities",)

    def __init__(self, classifier: Classifier, multi_label: bool) -> None:
        super().__init__()
        self.classifier, self.multi_label = classifier, multi_label

    def forward(self, image: Tensor) -> Tensor:
        """Classify."""
        scores: Tensor = self.classifier(_planes(image))
        return scores.sigmoid() if self.multi_label else scores.softmax(1)


class SegmenterGraph(nn.Module):
    """Images (N, H, W, C) uint8 to labels (N, H, W) uint8 and probabilities (N, K, H, W) float32."""

    inputs = ("image",)
    outputs = ("labels", "probabilities")

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Classify every pixel."""
        scores: Tensor = self.segmenter(_planes(image))
        return scores.argmax(1).to(torch.uint8), scores.softmax(1)


Graph = AutoencoderGraph | EncoderGraph | ClassifierGraph | SegmenterGraph


def _planes(image: Tensor) -> Tensor:
    return image.permute(0, 3, 1, 2)  # (N, C, H, W)
