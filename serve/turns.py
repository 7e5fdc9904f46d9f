"""The 8 flips and rotations of an image, there and back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["TURNS", "turn", "turn_back"]

T = TypeVar("T", bound=np.generic)
Turn = tuple[int, bool]
TURNS: tuple[Turn, ...] = tuple((quarters, mirrored) for quarters in range(4) for mirrored in (False, True))


def turn(array: NDArray[T], to: Turn) -> NDArray[T]:
    """Mirror an array (H, W, ...) or leave it, then turn it by quarters, counter-clockwise; contiguous."""
    quarters, mirrored = to
    return np.ascontiguousarray(np.rot90(array[:, ::-1] if mirrored else array, quarters))


def turn_back(array: NDArray[T], to: Turn) -> NDArray[T]:
    """Undo `turn`."""
    quarters, mirrored = to
    upright = np.rot90(array, -quarters)
    return upright[:, ::-1] if mirrored else upright
