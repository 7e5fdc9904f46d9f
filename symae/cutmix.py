"""A box of one image pasted on another (CutMix, Yun et al. 2019), all images of a batch at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["paste_boxes"]


def paste_boxes(images: Tensor, others: Tensor, share: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Paste a box of each of the other images on an image, at the place where it was.

    Args:
        images: (B, C, H, W).
        others: (B, C, H, W).
        share: (B,) in [0, 1], about how much of its image each box covers.
        places: (2, B) in [0, 1), where the boxes lie, down and across.

    Returns:
        (B, C, H, W), and (B,), how much each box covers in whole pixels.
    """
    boxes = _boxes(share, places, images.shape[-2], images.shape[-1])  # (B, H, W)
    return torch.where(boxes[:, None], others, images), boxes.float().mean((1, 2))


def _boxes(share: Tensor, place: Tensor, height: int, width: int) -> Tensor:
    """A box of a share of each image's area, wholly inside it and of its proportions: (B, H, W) bool."""
    rows = _span(share.sqrt(), place[0], height)
    columns = _span(share.sqrt(), place[1], width)
    return rows[:, :, None] & columns[:, None, :]


def _span(part: Tensor, place: Tensor, size: int) -> Tensor:
    length = (part * size).round()[:, None]
    start = (place[:, None] * (size - length + 1)).floor()
    at = torch.arange(size, device=part.device)
    return torch.logical_and(at >= start, at < start + length)
