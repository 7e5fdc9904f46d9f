"""The demo's page: one HTML file with all its pictures inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from serve.files import appears_whole
from symae.demo.calls import Answers
from symae.demo.features import Neighbours
from symae.demo.picture import overlay

__all__ = ["Comparison", "Page", "write_page"]

GREY = "#8a8f98"  # readable on white and on black
PALETTE = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee")  # Paul Tol's "bright"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """What one task measured on test scenes, from pre-trained weights and from scratch, same budget."""

    task: str
    tuned: Mapping[str, float]
    scratch: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Page:
    """All that the page shows; `labels` counts the labelled scenes of classification and of segmentation."""

    answers: Answers
    neighbours: tuple[Neighbours, ...]
    comparisons: tuple[Comparison, ...]
    labels: tuple[int, int]
    losses: Mapping[str, list[float]]
    seconds: Mapping[str, float]
    threads: int

    @property
    def gain(self) -> float:
        """Mean gain of denoising over the held-out photographs, in dB."""
        return float(np.mean([photo.after - photo.before for photo in self.answers.denoised]))

    def verdict(self, comparison: Comparison) -> str:
        """Say in a sentence whether pre-training helped."""
        name = next(iter(comparison.tuned))
        difference = comparison.tuned[name] - comparison.scratch[name]
        if abs(difference) < 1:
            return f"Pre-training makes no difference to {comparison.task} here ({difference:+.1f} points, one seed)."
        helps = "helps" if difference > 0 else "does not help"
        return f"Pre-training {helps} {comparison.task} here: {difference:+.1f} points (one seed)."


def write_page(page: Page, path: Path) -> Path:
    """Render the page; it appears whole or not at all."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(photo=_photo, picture=_picture)
    template = environment.from_string((files("symae.demo") / "page.html").read_text())
    html = template.render(page=page, losses=_loss_curves(page.losses), overlay=overlay)
    with appears_whole(path) as file:
        file.write_text(html)
    return path


def _photo(pixels: Pixels) -> str:
    return _uri(pixels, "JPEG", quality=92)


def _picture(pixels: Pixels) -> str:
    return _uri(pixels, "PNG", optimize=True)


def _uri(pixels: Pixels, kind: str, **options: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _loss_curves(losses: Mapping[str, list[float]]) -> str:
    """Draw one panel a stage as SVG: the runs "X" and "X-scratch" share one."""
    names = [name for name in losses if not name.endswith("-scratch")]
    grey = dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), GREY)
    style: Any = {**grey, "svg.fonttype": "none"}
    with mpl.rc_context(style):
        figure = Figure(figsize=(3.4 * len(names), 2.6), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            for key, colour in ((name, PALETTE[0]), (f"{name}-scratch", PALETTE[1])):
                if key in losses:
                    label = "from scratch" if key.endswith("-scratch") else "pre-trained"
                    axes.plot(range(1, len(losses[key]) + 1), losses[key], color=colour, label=label)
            axes.set(title=name, xlabel="epoch", ylabel="training loss")
            axes.spines[["top", "right"]].set_visible(False)
            if f"{name}-scratch" in losses:
                axes.legend(frameon=False, labelcolor=GREY)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]
