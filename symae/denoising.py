"""Gaussian denoising by the community's protocol: any denoiser, the same noise, one definition of the numbers.

Images are whole, gray or RGB. The noise of an image is `numpy.random.RandomState(0).normal(0, sigma / 255, (H, W, C))`,
seeded anew for each image (so that images of one size see the same draw), added to pixels in [0, 1] as float32,
neither clipped nor rounded: to the bit what the tests of DRUNet and Restormer draw with `numpy.random.seed(0)`, and
NumPy promises never to change that stream. The output is clamped to [0, 1] and rounded to 8 bits, as DnCNN's,
DRUNet's and Restormer's tests do; PSNR is that of all channels together, without a border cut. Rounding costs
0.002 dB at 25 dB and 0.02 dB at 35 dB.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.image import structural_similarity_index_measure

from serve.turns import TURNS, turn, turn_back
from symae.errors import DataError
from symae.metrics import psnr

__all__ = ["SIGMAS", "Denoiser", "Image", "Pixels", "Score", "add_noise", "as_seen", "denoise", "ensemble"]

SIGMAS = (15.0, 25.0, 50.0)  # what the community reports
WINDOW = 11  # of SSIM, pixels

Pixels = NDArray[np.uint8]  # (H, W, C)
Image = NDArray[np.float32]  # (H, W, C), [0, 1], beyond it with noise
Denoiser = Callable[[Image, float], NDArray[Any]]  # (noisy, sigma on the 0-255 scale) -> clean as far as it can


@dataclass(frozen=True)
class Score:
    """How one image was denoised.

    Attributes:
        psnr: dB, over all channels.
        ssim: mean over the channels; not a number for images smaller than its window.
        seconds: that the denoiser took.
        cpu_seconds: of all its threads; what counts where a machine is shared.
    """

    psnr: float
    ssim: float
    seconds: float
    cpu_seconds: float


def denoise(denoiser: Denoiser, clean: Pixels, sigma: float, seed: int = 0) -> Score:
    """Add noise to an image, have it denoised, and compare.

    Args:
        denoiser: is given the noisy image, and sigma, which a blind one ignores.
        clean: (H, W, C) uint8, C 1 or 3.
        sigma: standard deviation on the 0-255 scale, >= 0.
        seed: of the noise; the published numbers have 0.
    """
    noisy = add_noise(clean, sigma, seed)
    began, cpu_began = time.perf_counter(), time.process_time()
    restored = denoiser(noisy, sigma)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    x, y = _tensor(as_seen(restored)), _tensor(clean / 255)
    return Score(psnr(x, y).item(), _ssim(x, y), seconds, cpu_seconds)


def add_noise(clean: Pixels, sigma: float, seed: int = 0) -> Image:
    """Add the protocol's noise; the same seed and shape give the same noise, whoever denoises it.

    Args:
        clean: (H, W, C) uint8.
        sigma: standard deviation on the 0-255 scale, >= 0.
        seed: of this image's noise.

    Returns:
        (H, W, C) float32 around [0, 1], not clipped.

    Raises:
        DataError: sigma is negative.
    """
    if not sigma >= 0:
        raise DataError(f"sigma must be >= 0 on the 0-255 scale, got {sigma:g}")
    noise = np.random.RandomState(seed).normal(0, sigma / 255, clean.shape)
    image = clean.astype(np.float32) / np.float32(255)
    return (image + noise).astype(np.float32)


def ensemble(denoiser: Denoiser) -> Denoiser:
    """Make the self-ensemble of a denoiser: the mean of what it makes of 8 flips and rotations, turned back."""

    def mean_of_eight(noisy: Image, sigma: float) -> NDArray[Any]:
        total = np.zeros(noisy.shape, np.float64)
        for to in TURNS:
            total += turn_back(denoiser(turn(noisy, to), sigma), to)
        return total / len(TURNS)

    return mean_of_eight


def as_seen(image: NDArray[Any]) -> NDArray[np.float64]:
    """Clamp to [0, 1] and round to 8 bits, as a file or a screen would; the result is in [0, 1] again."""
    rounded: NDArray[np.float64] = np.rint(np.clip(image, 0, 1).astype(np.float64) * 255)
    return rounded / 255


def _ssim(image: torch.Tensor, reference: torch.Tensor) -> float:
    if min(image.shape[-2:]) < WINDOW:
        return float("nan")
    return float(structural_similarity_index_measure(image, reference, data_range=1.0))  # type: ignore[arg-type]


def _tensor(image: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float64))
