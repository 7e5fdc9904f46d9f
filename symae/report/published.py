"""What others report for denoising: mean PSNR in dB on BSD68 (gray) and CBSD68 (colour), by the same protocol.

Noise N(0, sigma) on the 0-255 scale with a fixed seed for each image, not clipped; no border cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PUBLISHED", "Published"]

DNCNN = "Zhang et al. 2017, arXiv 1608.03981"
DRUNET = "Zhang et al. 2021, arXiv 2008.13751"
BM3D = (
    "`pip install bm3d`, then `python -m benchmarks.denoising --method bm3d --data FOLDER`; of one core half an hour "
    "for gray and over an hour for colour"
)
RESTORMER = "Zamir et al. 2022, arXiv 2111.09881"


@dataclass(frozen=True)
class Published:
    """A method's numbers on one data set.

    Attributes:
        method: its name.
        data: "bsd68" or "cbsd68".
        psnr: sigma -> dB.
        source: who reports it.
        key: what its own measurements are recorded as, see `symae.results`; empty: it is not run here.
        needs: what it takes to run it.
    """

    method: str
    data: str
    psnr: Mapping[float, float]
    source: str
    key: str = ""
    needs: str = ""


MEANS = "`python -m benchmarks.denoising --method nl-means --data FOLDER`"

PUBLISHED = (
    Published("BM3D", "bsd68", {15: 31.08, 25: 28.57, 50: 25.60}, DRUNET, "bm3d", BM3D),
    Published("DnCNN-S", "bsd68", {15: 31.73, 25: 29.23, 50: 26.23}, DNCNN),
    Published("DnCNN-B, blind", "bsd68", {15: 31.61, 25: 29.16, 50: 26.23}, DNCNN),
    Published("DRUNet", "bsd68", {15: 31.91, 25: 29.48, 50: 26.59}, DRUNET),
    Published("Restormer", "bsd68", {15: 31.96, 25: 29.52, 50: 26.62}, RESTORMER),
    Published("Non-local means", "bsd68", {}, "", "nl-means", MEANS),
    Published("CBM3D", "cbsd68", {15: 33.52, 25: 30.71, 50: 27.38}, DRUNET, "bm3d", BM3D),
    Published("DnCNN-S", "cbsd68", {15: 33.90, 25: 31.24, 50: 27.95}, DRUNET),
    Published("DRUNet", "cbsd68", {15: 34.30, 25: 31.69, 50: 28.51}, DRUNET),
    Published("Restormer", "cbsd68", {15: 34.40, 25: 31.79, 50: 28.60}, RESTORMER),
    Published("Non-local means", "cbsd68", {}, "", "nl-means", MEANS),
)
