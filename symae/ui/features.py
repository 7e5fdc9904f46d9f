"""The tab *Features*: what is near to a picture in a table of features, and where in it which features are."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from serve.calling.results import ModelInfo
from symae.errors import InputError
from symae.ui import words
from symae.ui.backend import Backend, as_sent, timed
from symae.ui.compare import beside
from symae.ui.feature_map import Coloured, colour
from symae.ui.nearest import Table, gallery
from symae.ui.picture import Picture, chosen, reduced
from symae.ui.tab import Result, Tab, on_click, tab

__all__ = ["features_tab", "map_of"]

COUNT = 8  # neighbours
MAP_SIDE = 768  # longer side in pixels of what a feature map is made of: a map of a 4K picture has 100 MB
NO_TABLE = (
    "For neighbours, make a table of features with symae embed MODELS IMAGES --out features.parquet, and start with "
    "symae ui MODELS --features features.parquet."
)
Pixels = NDArray[np.uint8]


def map_of(backend: Backend, pixels: Pixels, info: ModelInfo) -> tuple[Coloured, float]:
    """Colour the feature map of a picture at its own size; also the seconds that the call took.

    Args:
        backend: with the encoder.
        pixels: (H, W, 3) uint8.
        info: the encoder.

    Raises:
        ServeError: the server refuses, or is gone.
    """
    call, sent = backend.client.embed, as_sent(pixels, info)
    answer, seconds = timed(lambda: call([sent], model=info.name, keep_size=True, feature_maps=True))
    return colour(answer.feature_maps[0]), seconds


def features_tab(backend: Backend, picture: gr.State, table: Table | None) -> Tab:
    """Lay the tab out; without a table it says how to make one."""
    with tab("Features", "encoder", free=table is None) as chooser:
        if table is None:
            gr.HTML(words.note(NO_TABLE))
        with gr.Row(elem_classes="controls"):
            centred = gr.Checkbox(
                label="Take the table's mean off first",
                info="Tells pictures apart where all cosines are near 1.",
                visible=table is not None,
            )
            run = gr.Button("Find neighbours" if table else "Show the feature map", variant="primary")
        say, near, numbers, view = gr.HTML(), gr.HTML(), gr.HTML(), gr.HTML(elem_classes="view")

    def act(picture: Picture | None, centred: bool, model: str | None) -> tuple[Any, ...]:
        taken = chosen(picture)
        try:
            info = table.encoder(backend.models("encoder")) if table else backend.pick("encoder", model)
            found = _neighbours(backend, table, taken, info, centred) if table else ""
        except InputError as error:
            info, found = backend.pick("encoder", model), words.failure(error)
        seen = reduced(taken.pixels, MAP_SIDE)
        coloured, seconds = map_of(backend, seen, info)
        map_view = beside(seen, coloured.at_size(*seen.shape[:2]), ("picture", "feature map"), crisp=True)
        return map_view, found, _numbers(coloured, seconds, info)

    results = (Result(view), Result(near), Result(numbers), Result(say))
    event = on_click(run, act, [picture, centred, chooser.dropdown], results)
    return Tab(chooser, results, event)


def _neighbours(backend: Backend, table: Table, picture: Picture, info: ModelInfo, centred: bool) -> str:
    origin = table.features.origin
    answer = backend.client.embed(
        [as_sent(picture.pixels, info)],
        model=info.name,
        keep_size=origin.keep_size,
        feature_maps=origin.output == "feature_map",
    )
    found = table.near(answer, picture, COUNT, centred=centred)
    rows = words.plural(len(table.features), "picture")
    heading = f"<h3>Nearest of {rows} in {table.features.path.name}, with their cosines</h3>"
    return heading + gallery(table, found)


def _numbers(coloured: Coloured, seconds: float, info: ModelInfo) -> str:
    height, width = coloured.pixels.shape[:2]
    about = "<h3>Feature map: its first three principal components as red, green and blue</h3>" + words.note(
        "Like colours are like features; which colour it is means nothing."
    )
    return about + words.tiles(
        ("map", f"{width} × {height}"),
        ("variance in the 3 of " + str(info.embedding_size), words.share(coloured.explained)),
        ("time", words.seconds(seconds)),
        ("model", info.name),
    )
