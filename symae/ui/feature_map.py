"""A feature map as a picture: its first three principal components are red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Coloured", "colour"]

TAILS = (2.0, 98.0)  # percentiles that become 0 and 255: a few places would else take most of the scale


@dataclass(frozen=True, eq=False)
class Coloured:
    """The map (h, w, 3) uint8, and the share of its variance that the three components hold, 0 to 1."""

    pixels: NDArray[np.uint8]
    explained: float

    def at_size(self, height: int, width: int) -> NDArray[np.uint8]:
        """Enlarge it, one square a position."""
        return np.asarray(Image.fromarray(self.pixels).resize((width, height), Image.Resampling.NEAREST))


def colour(feature_map: NDArray[np.float32]) -> Coloured:
    """Project a map on its principal components.

    Args:
        feature_map: (D, h, w).

    Returns:
        Places of like features have like colours; gray where the map has fewer than three components or is the same
        everywhere. Each component's sign is chosen so that its largest weight is positive: the same map, the same
        colours.
    """
    depth, height, width = feature_map.shape
    values = feature_map.reshape(depth, -1).T.astype(np.float64)  # (positions, D)
    values -= values.mean(0)
    variances, axes = np.linalg.eigh(values.T @ values)  # ascending
    axes = axes[:, ::-1][:, :3]
    axes *= np.sign(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0))
    projected = np.zeros((height * width, 3))
    projected[:, : axes.shape[1]] = values @ axes
    low, high = np.percentile(projected, TAILS, axis=0)
    flat = high - low < 1e-9 * max(1.0, float(np.abs(feature_map).max()))
    scaled = np.where(flat, 0.5, (projected - low) / np.where(flat, 1.0, high - low))
    total = float(variances.sum())
    explained = float(variances[::-1][:3].sum()) / total if total > 0 else 1.0
    return Coloured((255 * scaled.clip(0, 1) + 0.5).astype(np.uint8).reshape(height, width, 3), explained)
