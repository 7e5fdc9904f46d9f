"""From runs and images to a PNG: open, draw, say below the figure what it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serve.files import appears_whole
from symae.device import parse_device
from symae.drawing import LARGEST, Row, draw_sheet
from symae.errors import InputError, RunError
from symae.visualize import features
from symae.visualize.features import View, feature_rows
from symae.visualize.images import Picture, load_pictures
from symae.visualize.maps import ALIKE
from symae.visualize.restorations import restoration_rows
from symae.visualize.trained import Trained, open_trained

__all__ = ["Figure", "draw_features", "draw_restorations"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """What is common to all figures.

    Attributes:
        out: the PNG to write; an older one is replaced.
        sources: of the images, see `symae.visualize.images.load_pictures`.
        limit: most images of one folder or set, >= 1.
        keep_size: leave images at their own sizes.
        device: "auto", "cpu", "cuda" or "cuda:N".
    """

    out: Path
    sources: tuple[str, ...] = ()
    limit: int = 6
    keep_size: bool = False
    device: str = "auto"


def draw_restorations(path: Path, figure: Figure, *, sigma: float = 30.0, seed: int = 0, say: Say = print) -> None:
    """Draw images clean, damaged in three ways, and restored by an auto-encoder's run.

    Raises:
        InputError: run, images or options are not as they must be; nothing was written.
    """
    (trained,), pictures = _open([path], figure, say)
    rows = restoration_rows(trained, pictures, sigma=sigma, seed=seed)
    told = "Below the damaged images and below the restored ones: PSNR against the clean image."
    _write(figure, [trained], pictures, rows, told + _reduced(pictures, LARGEST))


def draw_features(paths: Sequence[Path], figure: Figure, view: View, say: Say = print) -> None:
    """Draw images and feature maps of one run, or of several beside each other.

    Raises:
        InputError: runs, images or options are not as they must be; nothing was written.
    """
    runs, pictures = _open(paths, figure, say)
    told = f"Feature maps after ReLU {view.layer}. A channel has one scale of colours, up to its largest clean value."
    if not view.channels:
        told += (
            " Shown are the channels of the largest standard deviation over the positions of all clean images, without "
            f"those that correlate by more than {ALIKE:g} with one above, while there are others."
        )
    if view.occlude:
        told += " Numbers: the change by the missing block, as a fraction of what was there (Euclidean norms)."
    _write(figure, runs, pictures, feature_rows(runs, pictures, view), told + _reduced(pictures, features.LARGEST))


def _open(paths: Sequence[Path], figure: Figure, say: Say) -> tuple[list[Trained], list[Picture]]:
    if figure.out.suffix.lower() != ".png":
        raise InputError(f"{figure.out} is no name of a PNG: give --out a name that ends in .png")
    device = parse_device(figure.device).torch
    runs = [open_trained(path, device) for path in paths]
    if len({run.card.network.channels for run in runs}) > 1:
        raise RunError("gray and colour networks do not see the same images: draw a figure for each")
    pictures = load_pictures(figure.sources, runs[0].run, limit=figure.limit, keep_size=figure.keep_size, say=say)
    if figure.out.exists() and any(
        Path(picture.path).exists() and figure.out.samefile(picture.path) for picture in pictures
    ):
        raise InputError(f"{figure.out} is one of the images: choose another --out")
    return runs, pictures


def _write(figure: Figure, runs: Sequence[Trained], pictures: Sequence[Picture], rows: list[Row], told: str) -> None:
    sheet = draw_sheet(rows, f"{told} {_origins(runs, pictures)}")
    figure.out.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(figure.out) as file:
        sheet.save(file, "PNG", optimize=True)


def _reduced(pictures: Sequence[Picture], largest: int) -> str:
    smaller = any(max(picture.image.shape[-2:]) > largest for picture in pictures)
    return f" Large pictures are reduced to {largest} pixels, for display alone." if smaller else ""


def _origins(runs: Sequence[Trained], pictures: Sequence[Picture]) -> str:
    sources = "; ".join(dict.fromkeys(picture.source for picture in pictures))
    return f"Images: {sources}. {'; '.join(run.origin for run in runs)}."
