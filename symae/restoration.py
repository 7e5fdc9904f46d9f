"""Measure how a trained auto-encoder restores a folder of whole images, by fixed protocols.

`symae.evaluate` damages crops as the training did, and so tells how well a network learned its own task; here the
damage is the same for every network, and the numbers stand beside published ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serve.image import ImageError, read
from symae.data.paths import images_below
from symae.denoising import SIGMAS, Denoiser, Pixels, Score, denoise, ensemble
from symae.device import parse_device
from symae.errors import DataError, RunError
from symae.inpainting import HOLES, inpaint, mean_fill, missing
from symae.networks import SymmetricAutoencoder
from symae.restorers import NetworkRestorer
from symae.weights import load

__all__ = ["Protocol", "images_of", "measure"]

Named = Iterator[tuple[str, float]]


@dataclass(frozen=True)
class Protocol:
    """What is measured.

    Attributes:
        sigmas: of Gaussian noise, on the 0-255 scale; see `symae.denoising`.
        ensemble: also with the mean over 8 flips and rotations, at 8 times the cost.
        inpainting: also missing blocks; see `symae.inpainting`.
    """

    sigmas: tuple[float, ...] = SIGMAS
    ensemble: bool = False
    inpainting: bool = False

    def __post_init__(self) -> None:
        if any(not sigma >= 0 for sigma in self.sigmas):
            raise DataError(f"sigma must be >= 0 on the 0-255 scale, got {', '.join(f'{s:g}' for s in self.sigmas)}")


def measure(
    path: Path, data: Path, protocol: Protocol, *, device: str, start: Callable[[int, int], Callable[[int], None]]
) -> dict[str, float]:
    """Restore every image of a folder, one at a time.

    Args:
        path: run directory or weights of an auto-encoder.
        data: folder of images, read as gray or RGB as the network needs it.
        protocol: what is measured.
        device: "auto", "cpu", "cuda" or "cuda:N".
        start: of progress: is told (done, total), gives what is told of each newly done image.

    Returns:
        Means over the images: psnr_sigmaN (dB), ssim_sigmaN, with "_ensemble" for the self-ensemble's;
        psnr_big_block and psnr_small_blocks over the missing pixels, with "_input" where they are filled with the
        mean; seconds_per_image of denoising without self-ensemble.

    Raises:
        RunError: there are no weights, or not of an auto-encoder.
        DataError: there are no images, or one cannot be read.
    """
    target = parse_device(device)
    model, _ = load(path)
    if not isinstance(model, SymmetricAutoencoder):
        raise RunError(f"{path} holds no auto-encoder: give a run of the stage pretrain")
    restorer = NetworkRestorer(model.to(target.torch))
    files = images_of(data)
    found = defaultdict(list)
    advance = start(0, len(files))
    for file in files:
        image = _read(file, model.spec.channels)
        for key, value in (
            *_denoised(restorer.denoise, image, protocol),
            *_filled(restorer, file.stem, image, protocol),
        ):
            found[key].append(value)
        advance(1)
    return {key: float(np.mean(values)) for key, values in found.items()}


def images_of(folder: Path) -> tuple[Path, ...]:
    """List all images in and below a folder, sorted.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: expected one of whole images, such as BSD68 or CBSD68")
    paths = images_below(folder)
    return tuple(Path(paths[number]) for number in range(len(paths)))


def _denoised(denoiser: Denoiser, image: Pixels, protocol: Protocol) -> Named:
    seconds = []
    for sigma in protocol.sigmas:
        score = denoise(denoiser, image, sigma)
        seconds.append(score.seconds)
        yield from _named(score, f"sigma{sigma:g}")
        if protocol.ensemble:
            yield from _named(denoise(ensemble(denoiser), image, sigma), f"sigma{sigma:g}_ensemble")
    if seconds:
        yield "seconds_per_image", float(np.mean(seconds))


def _named(score: Score, name: str) -> Named:
    yield f"psnr_{name}", score.psnr
    if not np.isnan(score.ssim):
        yield f"ssim_{name}", score.ssim


def _filled(restorer: NetworkRestorer, name: str, image: Pixels, protocol: Protocol) -> Named:
    for holes in HOLES if protocol.inpainting else ():
        mask = missing(holes, *image.shape[:2], name)
        yield f"psnr_{holes}", inpaint(restorer.inpaint, image, mask)
        yield f"psnr_{holes}_input", inpaint(mean_fill, image, mask)


def _read(file: Path, channels: int) -> Pixels:
    try:
        return read(file, channels=channels)
    except ImageError as error:
        raise DataError(f"{file} cannot be read: {error}; mend it or take it out") from error
