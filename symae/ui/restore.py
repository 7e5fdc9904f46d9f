"""The tab *Restore*: add noise, or take the picture as it is, and see what comes back."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from symae.ui import words
from symae.ui.backend import Backend, as_sent, timed
from symae.ui.compare import beside
from symae.ui.damage import add_noise, mean_change, psnr
from symae.ui.download import Downloads
from symae.ui.picture import Picture, chosen
from symae.ui.tab import Result, Tab, on_click, tab

__all__ = ["Restored", "restore", "restore_tab"]

SIGMA, SIGMA_MAX = 25, 75  # on the 0-255 scale
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Restored:
    """What was sent and what came back.

    Attributes:
        sent, received: (H, W, 3) uint8.
        before, after: PSNR against the picture in dB; None where no noise was added, so that nothing is known.
        model: which one answered.
        seconds: of the call.
    """

    sent: Pixels
    received: Pixels
    before: float | None
    after: float | None
    model: str
    seconds: float

    def numbers(self) -> str:
        """Show what was reached."""
        rest = (("time", words.seconds(self.seconds)), ("model", self.model))
        if self.before is None or self.after is None:
            change = mean_change(self.received, self.sent)
            return words.tiles(("mean change, of 255", f"{change:.1f}"), *rest)
        return words.tiles(
            ("PSNR with noise", words.decibels(self.before)),
            ("PSNR restored", words.decibels(self.after)),
            ("gain", words.difference(self.after, self.before)),
            *rest,
        )


def restore(backend: Backend, picture: Picture, sigma: float, model: str | None) -> Restored:
    """Send a picture, with noise or as it is.

    Args:
        backend: with an auto-encoder.
        picture: which one.
        sigma: of the noise on the 0-255 scale; 0: none is added.
        model: name of the auto-encoder; None: the first.

    Raises:
        ServeError: the server refuses, or is gone.
    """
    info = backend.pick("autoencoder", model)
    sent = picture.like(add_noise(picture.pixels, sigma)) if sigma else picture.pixels
    result, seconds = timed(lambda: backend.client.reconstruct([as_sent(sent, info)], model=info.name))
    received = picture.like(result.images[0])
    before, after = (psnr(sent, picture.pixels), psnr(received, picture.pixels)) if sigma else (None, None)
    return Restored(sent, received, before, after, info.name, seconds)


def restore_tab(backend: Backend, picture: gr.State, downloads: Downloads) -> Tab:
    """Lay the tab out."""
    with tab("Restore", "autoencoder") as chooser:
        with gr.Row(elem_classes="controls"):
            sigma = gr.Slider(
                0,
                SIGMA_MAX,
                SIGMA,
                step=1,
                label="Noise to add",
                info="Standard deviation, of 255. 0: as it is.",
                buttons=[],
            )
            run = gr.Button("Restore", variant="primary", elem_classes="run")
        say, numbers, view = gr.HTML(), gr.HTML(), gr.HTML(elem_classes="view")
        save = downloads.button()

    def act(picture: Picture | None, sigma: float, model: str | None) -> tuple[object, ...]:
        taken = chosen(picture)
        done = restore(backend, taken, sigma, model)
        names = ("with noise" if sigma else "as it is", "restored")
        return (
            beside(done.sent, done.received, names),
            done.numbers(),
            downloads.file(taken, "restored", done.received),
        )

    results = (Result(view), Result(numbers), downloads.result(save), Result(say))
    event = on_click(run, act, [picture, sigma, chooser.dropdown], results)
    return Tab(chooser, results, event)
