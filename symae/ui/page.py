"""The page: the picture beside the tabs, and what is served above them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from serve.calling.results import ModelInfo
from serve.errors import ServeError
from symae.ui.backend import Backend
from symae.ui.classify import classify_tab
from symae.ui.download import Downloads
from symae.ui.features import features_tab
from symae.ui.inpaint import inpaint_tab
from symae.ui.nearest import Table
from symae.ui.restore import restore_tab
from symae.ui.samples import Sample
from symae.ui.segment import segment_tab
from symae.ui.tab import KEPT, Tab
from symae.ui.upload import picture_panel
from symae.ui.words import failure

__all__ = ["CSS", "Contents", "build", "theme"]

CSS = (files("symae.ui") / "page.css").read_text(encoding="utf-8")
SESSIONS = 16  # visitors whose pictures are kept, up to about a gigabyte each; Gradio's own is 10,000


@dataclass(frozen=True)
class Contents:
    """What the page is made of: the server, pictures at a click, a table of features if there is one."""

    backend: Backend
    samples: Sequence[Sample]
    table: Table | None
    downloads: Downloads


def build(contents: Contents) -> gr.Blocks:
    """Lay the page out."""
    backend = contents.backend
    page = gr.Blocks(title="symae", analytics_enabled=False, delete_cache=(KEPT, KEPT))
    page.state_session_capacity = SESSIONS
    with page:
        served = gr.HTML(elem_id="served")
        picture = gr.State(None, time_to_live=KEPT)
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=280, elem_id="panel"):
                picture_panel(contents.samples, picture)
            with gr.Column(scale=5, min_width=320), gr.Tabs(elem_id="tabs"):
                tabs = (
                    restore_tab(backend, picture, contents.downloads),
                    inpaint_tab(backend, picture, contents.downloads),
                    segment_tab(backend, picture),
                    classify_tab(backend, picture),
                    features_tab(backend, picture, contents.table),
                )
        _wire(page, backend, served, picture, tabs)
    return page


def theme() -> gr.themes.Base:
    """Give colours and fonts; the fonts are the system's, since Gradio's own come from elsewhere."""
    return gr.themes.Default(
        primary_hue="blue",
        secondary_hue="blue",
        neutral_hue="slate",
        radius_size="md",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(  # darker than Gradio's, whose small print has a contrast of 2.6
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )


def _wire(page: gr.Blocks, backend: Backend, served: gr.HTML, picture: gr.State, tabs: tuple[Tab, ...]) -> None:
    """Ask what is served whenever the page is opened, and empty all results when another picture comes."""

    def refresh() -> list[Any]:
        try:
            models: Sequence[ModelInfo] = backend.models()
            head = _head(backend, models)
        except ServeError as error:
            return [_title(failure(error)), *(gr.skip() for tab in tabs for _ in tab.chooser.outputs)]
        return [head, *(value for tab in tabs for value in tab.chooser.shown(models))]

    outputs = [served, *(part for tab in tabs for part in tab.chooser.outputs)]
    page.load(refresh, None, outputs, api_visibility="private")
    results = [result for tab in tabs for result in tab.results]
    picture.change(
        lambda: [result.empty for result in results],
        None,
        [result.component for result in results],
        show_progress="hidden",
        cancels=[tab.event for tab in tabs],
        api_visibility="private",
    )


def _head(backend: Backend, models: Sequence[ModelInfo]) -> str:
    names = html.escape(", ".join(info.name for info in models))
    return _title(f'<p class="served">Models of {html.escape(backend.where)}: {names}</p>')


def _title(below: str) -> str:
    return f"<header><h1>symae</h1><p>Restore, fill, segment, classify and compare pictures.</p>{below}</header>"
