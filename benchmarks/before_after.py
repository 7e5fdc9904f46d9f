"""Make the picture of docs/index.md: what is sent to the shipped model, and what comes back.

    python -m benchmarks.before_after          # writes docs/assets/restored.webp and says what it shows

The first row has noise, the second holes; PSNR of the second is over the missing pixels alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.calling.connect import connected
from serve.sample import clean_sample, noisy_sample, torn_sample
from symae.ui.damage import psnr

OUT = Path(__file__).parents[1] / "docs" / "assets" / "restored.webp"
SIGMA = 25
GAP = 8  # white pixels between two pictures
QUALITY = 85

Pixels = NDArray[np.uint8]


def beside(left: Pixels, right: Pixels) -> Pixels:
    """Set two pictures of one height beside each other."""
    return np.concatenate([left, np.full((left.shape[0], GAP, 3), 255, np.uint8), right], axis=1)


def restore(out: Path) -> dict[str, tuple[float, float]]:
    """Restore both and write the picture.

    Returns:
        PSNR in dB before and after, of the "noise" and of the "holes".
    """
    clean, noisy = clean_sample(), noisy_sample(SIGMA)
    torn, mask = torn_sample(0)
    with connected("autoencoder", None, None, print) as client:
        restored = client.reconstruct([noisy]).images[0]
        mended = client.reconstruct([torn], masks=[mask], keep_known=True).images[0]
    rows = beside(noisy, restored), beside(torn, mended)
    whole = np.concatenate([rows[0], np.full((GAP, rows[0].shape[1], 3), 255, np.uint8), rows[1]])
    Image.fromarray(whole).save(out, quality=QUALITY, method=6)
    return {
        "noise": (psnr(noisy, clean), psnr(restored, clean)),
        "holes": (psnr(torn, clean, mask > 0), psnr(mended, clean, mask > 0)),
    }


if __name__ == "__main__":
    for damage, (before, after) in restore(OUT).items():
        print(f"{damage}: from {before:.1f} to {after:.1f} dB")
    print(f"{OUT}: {OUT.stat().st_size // 1000} kB")
