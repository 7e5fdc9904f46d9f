"""How good reconstructions, classes and label maps are. TorchMetrics where it has the field's definition.

Accuracy, mean average precision and mean IoU are in per cent, PSNR in dB.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_precision_recall_curve

from symae.data.dataset import VOID

__all__ = ["psnr", "voc2007_average_precision"]


def psnr(images: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image, over all its channels.

    Args:
        images: (B, C, H, W) float; clamped to [0, 1] first, as a file or a screen would.
        reference: (B, C, H, W) float in [0, 1].

    Returns:
        (B,) float, dB; infinite where the two are equal.
    """
    error = (images.clamp(0, 1) - reference).square().flatten(1).mean(1)
    return -10 * torch.log10(error)


def voc2007_average_precision(scores: Tensor, labels: Tensor) -> Tensor:
    """Average precision of each class as VOC 2007 defines it: mean of the best precision at 11 recalls.

    TorchMetrics has the area under the curve alone, which VOC uses from 2010 on.

    Args:
        scores: (N, K) float, any monotonic scale.
        labels: (N, K) integer, 1 for present, 0 for absent, VOID for not counted.

    Returns:
        (K,) float, per cent; not a number for a class that is never present.
    """
    return torch.stack([_average_precision(scores[:, k], labels[:, k]) for k in range(scores.shape[1])])


def _average_precision(scores: Tensor, labels: Tensor) -> Tensor:
    counted = labels != VOID
    if not (labels == 1).any():
        return torch.tensor(torch.nan)
    curve = binary_precision_recall_curve(scores[counted], labels[counted].long())
    precision, recall = curve[0][:-1], curve[1][:-1]  # without the added point of precision 1 at recall 0
    levels = torch.linspace(0, 1, 11) - 1e-6  # recalls are quotients: 0.3 may be a little less
    return 100 * torch.stack([precision[recall >= level].max() for level in levels]).mean().cpu()
