"""Probe one layer of one encoder, and its last layer's pooled features."""

from __future__ import annotations

import torch
from torch import Tensor

from symae.metrics import psnr
from symae.networks import Encoder
from symae.probe.classification import Softmax, fit_softmax
from symae.probe.cost import LayerCost, Meter
from symae.probe.features import Advance, LayerFeatures, pooled, small_batches
from symae.probe.images import Crops
from symae.probe.neighbours import neighbour_accuracy
from symae.probe.reconstruction import Stack, fit_stack, stack_spec
from symae.probe.scores import FinalScore, LayerScore

__all__ = ["probe_final", "probe_layer"]


def probe_layer(encoder: Encoder, layer: int, crops: Crops, seed: int, cost: LayerCost, meter: Meter) -> LayerScore:
    """Train both probes on one layer and measure them on the test images.

    Args:
        encoder: in evaluation mode; its weights stay as they are.
        layer: convolution, counted from 1.
        crops: on the encoder's device.
        seed: of the stack's weights and of the order of its images.
        cost: what the layer costs.
        meter: told what has been done of it.
    """
    features = LayerFeatures(encoder, layer, crops.training, lambda count: meter(count * cost.encoding))
    softmax = fit_softmax(features.matrix(), crops.labels, crops.classes, crops.fitted)
    meter(cost.regression)
    stack = _trained_stack(encoder, features, layer, crops, seed, lambda count: meter(count * cost.training))
    accuracy, quality = _measure(encoder, features, softmax, stack, crops, cost, meter)
    channels, height, width = features.shape
    return LayerScore(
        layer=layer,
        channels=channels,
        height=height,
        width=width,
        accuracy=accuracy,
        psnr=quality,
        positions=features.grid,
        weight_decay=softmax.decay,
        parameters=stack.spec.parameters,
    )


@torch.no_grad()
def probe_final(encoder: Encoder, crops: Crops) -> FinalScore:
    """Classify by the last layer's map averaged over its positions: a linear probe, and nearest neighbours."""
    features, test = pooled(encoder, crops.training), pooled(encoder, crops.test)
    mean, deviation = features.mean(0), features.std(0).clamp(min=1e-6)
    with torch.enable_grad():
        linear = fit_softmax((features - mean) / deviation, crops.labels, crops.classes, crops.fitted)
    right = linear((test - mean) / deviation).argmax(1) == crops.test_labels
    near = [neighbour_accuracy(features, crops.labels, test, crops.test_labels, k) for k in (1, 20)]
    return FinalScore(100 * right.double().mean().item(), *near)


def _trained_stack(
    encoder: Encoder, features: LayerFeatures, layer: int, crops: Crops, seed: int, advance: Advance
) -> Stack:
    def examples(rows: Tensor) -> tuple[Tensor, Tensor]:
        return features.maps(rows), encoder.normalise(crops.training[rows])

    stack = Stack(stack_spec(encoder.spec, layer, crops.side)).to(crops.training.device)
    fit_stack(stack, examples, torch.arange(len(crops.training), device=crops.training.device), seed, advance)
    return stack


@torch.no_grad()
def _measure(
    encoder: Encoder,
    features: LayerFeatures,
    softmax: Softmax,
    stack: Stack,
    crops: Crops,
    cost: LayerCost,
    meter: Meter,
) -> tuple[float, float]:
    """Accuracy in per cent and mean PSNR in dB on the test images, which are encoded once for both."""
    scores, qualities = [], []
    for images in small_batches(encoder, crops.test):
        maps = features.encode(images)
        scores.append(softmax(features.flatten(maps)))
        restored = stack(maps) * encoder.std + encoder.mean
        qualities.append(psnr(restored, images.float() / 255))
        meter(len(images) * (cost.encoding + cost.reconstruction))
    right = torch.cat(scores).argmax(1) == crops.test_labels
    return 100 * right.double().mean().item(), torch.cat(qualities).mean().item()
