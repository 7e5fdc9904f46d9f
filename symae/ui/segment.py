"""The tab *Segment*: which class each pixel is of, as an overlay and as areas."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.calling.results import ModelInfo
from symae.ui import words
from symae.ui.backend import Backend, as_sent, timed
from symae.ui.compare import beside
from symae.ui.picture import Picture, chosen, enlarged, factor, shown
from symae.ui.tab import KEPT, Result, Tab, on_click, tab

__all__ = ["Area", "Segmented", "areas", "overlay", "segment", "segment_tab"]

ALL = "all classes"
STRENGTH = 0.6  # share of a class's colour in the overlay
PALE = 0.75  # share of white over what is not shown
MIN_SIDE = 480  # pixels that an overlay is enlarged towards, so that borders are thin beside its regions
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Area:
    """A class of a model, its colour, and how much of a picture it covers."""

    number: int
    name: str
    colour: tuple[int, int, int]
    pixels: int
    share: float


@dataclass(frozen=True, eq=False)
class Segmented:
    """A picture (H, W, 3) and its label map (H, W), both uint8; the model's classes; who answered, how fast."""

    image: Pixels
    labels: Pixels
    model: ModelInfo
    seconds: float

    def view(self, only: int | None) -> str:
        """Show the overlay beside the picture, of all classes or of one."""
        drawn = overlay(self.image, self.labels, self.model.colours, only)
        return beside(enlarged(self.image, factor(self.image, MIN_SIDE)), drawn, ("picture", "classes"), crisp=True)


def segment(backend: Backend, picture: Picture, model: str | None) -> Segmented:
    """Ask for the class of each pixel.

    Raises:
        ServeError: the server refuses, or is gone.
    """
    info = backend.pick("segmenter", model)
    pixels = as_sent(picture.pixels, info)
    result, seconds = timed(lambda: backend.client.segment([pixels], model=info.name))
    return Segmented(picture.pixels, result.labels[0], info, seconds)


def areas(labels: Pixels, classes: tuple[str, ...], colours: tuple[tuple[int, int, int], ...]) -> list[Area]:
    """Measure each class, the largest first; those that are not there come last, in the model's order."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    found = [
        Area(number, name, colour, int(counts[number]), float(counts[number]) / labels.size)
        for number, (name, colour) in enumerate(zip(classes, colours, strict=True))
    ]
    return sorted(found, key=lambda area: -area.pixels)


def overlay(
    image: Pixels, labels: Pixels, colours: tuple[tuple[int, int, int], ...], only: int | None = None
) -> Pixels:
    """Paint classes over a picture, with a line between any two, which needs no colour to be seen.

    Args:
        image: (H, W, 3) uint8.
        labels: (H, W) uint8.
        colours: one for each class.
        only: the number of a class that is painted alone, the rest pale; None: all.

    Returns:
        (f H, f W, 3) uint8, f >= 1 where the picture is small, f < 1 where it is larger than a screen.
    """
    image = shown(image)
    labels = np.asarray(Image.fromarray(labels).resize(image.shape[1::-1], Image.Resampling.NEAREST))
    times = factor(image, MIN_SIDE)
    large, map_ = enlarged(image, times).astype(np.float32), enlarged(labels, times)
    palette = np.array([*colours, *[(255, 255, 255)] * (256 - len(colours))], np.float32)
    mixed = large + STRENGTH * (palette[map_] - large)
    if only is not None:
        mixed = np.where((map_ == only)[:, :, None], mixed, large + PALE * (255 - large))
        map_ = (map_ == only).astype(np.uint8)
    border = _borders(map_)
    mixed[border] = np.where(mixed[border].mean(1, keepdims=True) > 127, 0.0, 255.0)
    return mixed.astype(np.uint8)


def legend(done: Segmented) -> str:
    """Write the table of classes: colour, name, share and pixels."""
    rows = "".join(_row(area) for area in areas(done.labels, done.model.classes, done.model.colours))
    return (
        '<table class="legend"><thead><tr><th scope="col">class</th><th scope="col">area</th><th scope="col">pixels'
        f"</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def segment_tab(backend: Backend, picture: gr.State) -> Tab:
    """Lay the tab out."""
    with tab("Segment", "segmenter") as chooser:
        with gr.Row(elem_classes="controls"):
            only = gr.Dropdown([ALL], value=ALL, label="Show", info="One class alone is told apart without its colour.")
            run = gr.Button("Segment", variant="primary", elem_classes="run")
        say, numbers, view, table = gr.HTML(), gr.HTML(), gr.HTML(elem_classes="view"), gr.HTML()
        answer = gr.State(None, time_to_live=KEPT)

    def act(picture: Picture | None, model: str | None) -> tuple[Any, ...]:
        done = segment(backend, chosen(picture), model)
        tiles = words.tiles(("time", words.seconds(done.seconds)), ("model", done.model.name))
        choices = gr.update(choices=[ALL, *done.model.classes], value=ALL)
        return done.view(None), tiles, legend(done), done, choices

    def show(done: Segmented | None, name: str) -> str:
        classes = done.model.classes if done else ()
        return done.view(classes.index(name) if name in classes else None) if done else ""

    nothing = gr.update(choices=[ALL], value=ALL)
    results = (
        Result(view),
        Result(numbers),
        Result(table),
        Result(answer, None),
        Result(only, nothing),
        Result(say),
    )
    event = on_click(run, act, [picture, chooser.dropdown], results)
    only.input(show, [answer, only], [view], api_visibility="private")
    return Tab(chooser, results, event)


def _row(area: Area) -> str:
    absent = "" if area.pixels else ' class="absent"'
    swatch = f'<span class="swatch" style="background: rgb{area.colour}"></span>'
    return (
        f'<tr{absent}><th scope="row">{swatch}{html.escape(area.name)}</th>'
        f"<td>{words.share(area.share)}</td><td>{words.count(area.pixels)}</td></tr>"
    )


def _borders(labels: Pixels) -> NDArray[np.bool_]:
    """Find pixels whose right or lower neighbour is of another class."""
    border = np.zeros(labels.shape, np.bool_)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:-1] |= labels[:-1] != labels[1:]
    return border
