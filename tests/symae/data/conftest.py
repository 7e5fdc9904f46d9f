from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a random image of the given size below tmp_path, making the folders on the way."""

    def write_image(relative: str, size: tuple[int, int] = (12, 16), seed: int = 0, mode: str = "RGB") -> Path:
        path = tmp_path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (*size, 3) if mode == "RGB" else size
        pixels = np.random.default_rng([seed, *relative.encode()]).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write_image


@pytest.fixture
def write_map(tmp_path: Path) -> Write:
    """Write a label map below tmp_path."""

    def write_label_map(relative: str, values: np.ndarray) -> Path:
        path = tmp_path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values.astype(np.uint8)).save(path)
        return path

    return write_label_map
