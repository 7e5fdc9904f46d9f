"""Which model of a kind a tab uses, and what it says where there is none."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from serve.calling.results import ModelInfo
from serve.metadata import Kind

__all__ = ["Chooser", "absent"]

HOW = {
    "autoencoder": "leave MODELS out and symae ui serves the one that comes with symae",
    "encoder": "symae export RUN --repository models/ writes one of every run, and symae ui models/ serves it",
    "classifier": "symae train classify --data LABELLED/ --out runs/classify and symae export runs/classify "
    "--repository models/ make one; symae demo trains a small one in some minutes",
    "segmenter": "symae train segment --data MAPS/ --out runs/segment and symae export runs/segment "
    "--repository models/ make one; symae demo trains a small one in some minutes",
}
ARTICLE = {"autoencoder": "An auto-encoder", "encoder": "An encoder", "classifier": "A classifier",
           "segmenter": "A segmenter"}  # fmt: skip


@dataclass(frozen=True)
class Chooser:
    """The parts of a tab that depend on what is served.

    Attributes:
        kind: of the models.
        missing: the sentence that stands there in place of the rest.
        body: the rest.
        dropdown: the models; hidden where there is one, or nothing to choose.
        free: whether there is something to choose.
    """

    kind: Kind
    missing: gr.HTML
    body: gr.Column
    dropdown: gr.Dropdown
    free: bool = True

    @property
    def outputs(self) -> list[Any]:
        """What `shown` sets."""
        return [self.missing, self.body, self.dropdown]

    def shown(self, models: Sequence[ModelInfo]) -> list[Any]:
        """Give the parts their values for the models that are served now."""
        names = [info.name for info in models if info.kind == self.kind]
        return [
            gr.update(value="" if names else absent(self.kind), visible=not names),
            gr.update(visible=bool(names)),
            gr.update(choices=names, value=names[0] if names else None, visible=self.free and len(names) > 1),
        ]


def absent(kind: Kind) -> str:
    """Say in a sentence that no model of a kind is served, and how to get one."""
    commands = html.escape(HOW[kind])
    for word in ("symae train", "symae export", "symae ui", "symae demo"):
        commands = commands.replace(word, f"<code>{word}</code>")
    return f'<p class="say">{ARTICLE[kind]} is needed here, and none is served: {commands}.</p>'
