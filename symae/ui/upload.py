"""Where a picture comes from: a file that is dropped or pasted, or a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from PIL import Image

from symae.errors import DataError
from symae.ui import words
from symae.ui.picture import Picture, enlarged, factor, open_picture, shown
from symae.ui.samples import Sample

__all__ = ["picture_panel", "readable"]

SIDE, THUMBNAIL = 300, 160  # in pixels


def picture_panel(samples: Sequence[Sample], picture: gr.State) -> None:
    """Lay out the picture and the samples; they fill the state that the tabs work on."""
    upload = gr.Image(
        label="Your picture",
        sources=["upload", "clipboard"],
        format="png",
        buttons=["fullscreen"],
        height=SIDE,
        elem_id="picture",
    )
    # Gradio's own raises on what Pillow cannot read; and a subclass of a component writes a .pyi file beside itself.
    upload.preprocess = _as_it_came  # type: ignore[method-assign]
    say = gr.HTML(words.note("Drop a picture, paste one, or take a sample."), elem_id="about")
    usable = readable(samples)
    gallery = gr.Gallery(
        [(thumbnail, sample.name) for sample, thumbnail in usable],
        label="Samples",
        columns=3,
        height="auto",
        allow_preview=False,
        interactive=False,
        buttons=[],
        object_fit="cover",
        elem_id="samples",
    )

    def take(event: gr.SelectData) -> tuple[Any, ...]:
        return _opened(usable[event.index][0].open)

    outputs = [upload, picture, say]
    upload.input(_received, [upload], outputs, api_visibility="private")
    upload.clear(_received, [upload], outputs, api_visibility="private")
    gallery.select(take, None, outputs, api_visibility="private")


def _as_it_came(payload: ImageData | None) -> Any:
    """Give path and name of the file that was dropped; None where it was taken away."""
    if payload is None or payload.path is None:
        return None
    return payload.path, payload.orig_name or ""


def _received(file: tuple[str, str] | None) -> tuple[Any, ...]:
    """Read what was dropped."""
    if file is None:
        return None, None, words.note("Drop a picture, paste one, or take a sample.")
    return _opened(lambda: open_picture(Path(file[0]), file[1]))


def _opened(read: Callable[[], Picture]) -> tuple[Any, ...]:
    """Show a picture and what it is, or say why it cannot be read."""
    try:
        picture = read()
    except DataError as error:
        return None, None, words.failure(error)
    seen = shown(picture.pixels)
    return enlarged(seen, factor(seen, SIDE)), picture, words.note(picture.about)


def readable(samples: Sequence[Sample]) -> list[tuple[Sample, Any]]:
    """Give samples their thumbnails, and leave out those that are broken."""
    found = []
    for sample in samples:
        with suppress(DataError):
            found.append((sample, _thumbnail(sample)))
    return found


def _thumbnail(sample: Sample) -> Any:
    image = Image.fromarray(sample.open().pixels)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    rule = Image.Resampling.NEAREST if side < THUMBNAIL else Image.Resampling.BOX
    return np.asarray(square.resize((THUMBNAIL, THUMBNAIL), rule))
