"""A trained auto-encoder as what restores single images: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from symae.denoising import Image
from symae.networks import SymmetricAutoencoder

__all__ = ["NetworkRestorer"]


class NetworkRestorer:
    """Restore whole images, one at a time, in evaluation mode on the device where the network is.

    Its two methods are a `symae.denoising.Denoiser` and a `symae.inpainting.Inpainter`.
    """

    def __init__(self, network: SymmetricAutoencoder) -> None:
        self._network = network.eval()

    def denoise(self, noisy: Image, sigma: float) -> Image:  # noqa: ARG002 - it is blind
        """Remove noise from (H, W, C) float32; sigma is not told to the network."""
        return self._restore(noisy, None)

    def inpaint(self, image: Image, missing: NDArray[np.bool_]) -> Image:
        """Fill what is missing, (H, W) bool, of (H, W, C) float32; the network sees none of it."""
        return self._restore(image, torch.from_numpy(missing)[None])

    def _restore(self, image: Image, masks: torch.Tensor | None) -> Image:
        device = self._network.encoder.mean.device
        x = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(device)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            restored: torch.Tensor = self._network(x, None if masks is None else masks.to(device))
        return restored[0].permute(1, 2, 0).float().cpu().numpy()
