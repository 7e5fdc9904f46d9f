"""The tab *Inpaint*: paint a hole, or take one at a click, and see how it is filled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from symae.errors import InputError
from symae.ui import words
from symae.ui.backend import Backend, as_sent, timed
from symae.ui.compare import beside
from symae.ui.damage import big_block, cut_out, psnr, small_blocks
from symae.ui.download import Downloads
from symae.ui.picture import Picture, chosen, reduced
from symae.ui.tab import KEPT, Result, Tab, on_click, tab

__all__ = ["Inpainted", "canvas", "inpaint", "inpaint_tab", "painted"]

CANVAS = 1024  # longer side in pixels of the picture that is painted on; the hole is brought to the real size
PAINT = (213, 0, 120)  # rarely a colour of photographs, and told from them by everybody by its lightness
HINT = (
    "Paint over what is missing, or take blocks at a click. The model that comes with symae fills holes of up to 12 "
    "pixels; in the middle of wider ones a spot of gray or of a wrong colour stays."
)
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Inpainted:
    """What was sent and what came back.

    Attributes:
        sent: (H, W, 3) uint8, gray where pixels are missing.
        received: (H, W, 3) uint8; the known pixels are the picture's own.
        missing: share of the pixels, 0 to 1.
        inside: PSNR over the missing pixels alone, against what the picture has there, in dB.
        gray: the same for the gray that was sent.
        model: which one answered.
        seconds: of the call.
    """

    sent: Pixels
    received: Pixels
    missing: float
    inside: float
    gray: float
    model: str
    seconds: float

    def numbers(self) -> str:
        """Show what was reached."""
        return words.tiles(
            ("missing", words.share(self.missing)),
            ("PSNR in the hole, gray", words.decibels(self.gray)),
            ("PSNR in the hole, filled", words.decibels(self.inside)),
            ("time", words.seconds(self.seconds)),
            ("model", self.model),
        )


def inpaint(backend: Backend, picture: Picture, mask: Mask, model: str | None) -> Inpainted:
    """Have the missing pixels filled, and keep the others.

    Args:
        backend: with an auto-encoder.
        picture: which one.
        mask: (H, W), True where a pixel is missing.
        model: name of the auto-encoder; None: the first.

    Raises:
        InputError: no pixel is missing.
        ServeError: the server refuses, or is gone.
    """
    if not mask.any():
        raise InputError("nothing is missing yet: paint on the picture, or take blocks at a click")
    info = backend.pick("autoencoder", model)
    sent, pixels = cut_out(picture.pixels, mask), as_sent(picture.pixels, info)
    call = backend.client.reconstruct
    result, seconds = timed(lambda: call([pixels], masks=[mask.astype(np.uint8)], model=info.name, keep_known=True))
    received = np.where(mask[:, :, None], picture.like(result.images[0]), picture.pixels)
    inside, gray = (psnr(image, picture.pixels, mask) for image in (received, sent))
    return Inpainted(sent, received, float(mask.mean()), inside, gray, info.name, seconds)


def canvas(picture: Picture | None, mask: Mask | None = None) -> dict[str, Any] | None:
    """Give the editor a picture to paint on, with a hole in it already.

    The hole is part of the background: layers that are given to the editor are drawn beside their place (Gradio 6.31).
    """
    if picture is None:
        return None
    holed = picture.pixels if mask is None else np.where(mask[:, :, None], np.array(PAINT, np.uint8), picture.pixels)
    return {"background": reduced(holed, CANVAS), "layers": [], "composite": None}


def painted(value: Mapping[str, Any] | None, picture: Picture, taken: Mask | None = None) -> Mask:
    """Read what is missing: (H, W) of the picture, True where there is any paint, or where blocks were taken."""
    height, width = picture.pixels.shape[:2]
    mask = np.zeros((height, width), np.bool_) if taken is None else taken.copy()
    layers: Sequence[Pixels] = value["layers"] if value else ()
    for layer in layers:
        hole = Image.fromarray(layer[:, :, 3] > 0)
        mask |= np.asarray(hole.resize((width, height), Image.Resampling.NEAREST))
    return mask


def inpaint_tab(backend: Backend, picture: gr.State, downloads: Downloads) -> Tab:
    """Lay the tab out."""
    with tab("Inpaint", "autoencoder") as chooser:
        gr.HTML(words.note(HINT))
        editor, blocks = _editor(), gr.State(None, time_to_live=KEPT)
        with gr.Row(elem_classes="controls"):
            big, small, none = gr.Button("One big block"), gr.Button("Many small blocks"), gr.Button("No hole")
            run = gr.Button("Fill the hole", variant="primary")
        say, numbers, view = gr.HTML(), gr.HTML(), gr.HTML(elem_classes="view")
        save = downloads.button()
    for listen, draw in (
        (big.click, big_block),
        (small.click, small_blocks),
        (none.click, None),
        (picture.change, None),
    ):
        listen(_drawing(draw), [picture], [editor, blocks], api_visibility="private")

    def act(
        picture: Picture | None, drawn: Mapping[str, Any] | None, blocks: Mask | None, model: str | None
    ) -> tuple[object, ...]:
        taken = chosen(picture)
        done = inpaint(backend, taken, painted(drawn, taken, blocks), model)
        view = beside(done.sent, done.received, ("with the hole", "filled"))
        return view, done.numbers(), downloads.file(taken, "filled", done.received)

    results = (Result(view), Result(numbers), downloads.result(save), Result(say))
    event = on_click(run, act, [picture, editor, blocks, chooser.dropdown], results)
    return Tab(chooser, results, event)


def _editor() -> gr.ImageEditor:
    red, green, blue = PAINT
    colour = f"#{red:02x}{green:02x}{blue:02x}"
    return gr.ImageEditor(
        label="The hole",
        sources=[],
        image_mode="RGBA",
        format="png",
        brush=gr.Brush(default_size=12, colors=[colour], default_color=colour, color_mode="fixed"),
        layers=False,
        transforms=(),
        buttons=["fullscreen"],
        height=420,
        elem_id="hole",
    )


def _drawing(
    draw: Callable[[int, int, np.random.Generator], Mask] | None,
) -> Callable[[Picture | None], tuple[dict[str, Any] | None, Mask | None]]:
    """Make a handler that puts the picture into the editor, with the hole that is drawn."""

    def click(picture: Picture | None) -> tuple[dict[str, Any] | None, Mask | None]:
        if picture is None or draw is None:
            return canvas(picture), None
        height, width = picture.pixels.shape[:2]
        mask = draw(height, width, np.random.default_rng())
        return canvas(picture, mask), mask

    return click
