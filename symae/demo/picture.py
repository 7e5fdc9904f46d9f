"""The demo at a glance: one picture of photographs and scenes as sent and as received."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.files import appears_whole
from symae.data.dataset import VOID
from symae.demo.calls import Answers

__all__ = ["overlay", "write_picture"]

HEIGHT = 200  # of the photographs, in pixels
GAP = 8
Pixels = NDArray[np.uint8]


def write_picture(answers: Answers, path: Path) -> Path:
    """Draw a row of photographs (noise, restored, holes, filled) and a row of scenes with their predicted maps."""
    photo, hole = answers.denoised[-1], answers.inpainted[1 % len(answers.inpainted)]
    photos = [_scaled(pixels, HEIGHT) for pixels in (photo.sent, photo.received, hole.sent, hole.received)]
    scenes = [
        _scaled(pixels, HEIGHT // 2)
        for scene in answers.segmented
        for pixels in (scene.image, overlay(scene.image, scene.labels, answers.colours))
    ]
    sheet = _stacked([_beside(photos), _beside(scenes)])
    with appears_whole(path) as file:
        Image.fromarray(sheet).save(file, "PNG", optimize=True)
    return path


def overlay(image: Pixels, labels: Pixels, colours: tuple[tuple[int, int, int], ...]) -> Pixels:
    """Paint the classes of a label map (H, W) over its image (H, W, 3); the background stays."""
    palette = np.full((VOID + 1, 3), 255, np.uint8)
    palette[: len(colours)] = colours
    mixed = (0.35 * image + 0.65 * palette[labels]).astype(np.uint8)
    return np.where(labels[:, :, None] > 0, mixed, image)


def _scaled(pixels: Pixels, height: int) -> Pixels:
    image = Image.fromarray(pixels)
    rule = Image.Resampling.NEAREST if height > image.height else Image.Resampling.LANCZOS
    return np.asarray(image.resize((round(image.width * height / image.height), height), rule))


def _beside(images: list[Pixels]) -> Pixels:
    gap = np.full((images[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for image in images for part in (image, gap)][:-1], axis=1)


def _stacked(rows: list[Pixels]) -> Pixels:
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(padded)[:-GAP]
