"""The tab *Classify*: the probability of each class, as bars."""

from __future__ import annotations

import html
from dataclasses import dataclass

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from serve.calling.results import ModelInfo
from symae.ui import words
from symae.ui.backend import Backend, as_sent, timed
from symae.ui.picture import Picture, chosen
from symae.ui.tab import Result, Tab, on_click, tab

__all__ = ["Classified", "bars", "classify", "classify_tab"]

SHOWN = 10  # classes


@dataclass(frozen=True, eq=False)
class Classified:
    """Probabilities (K,) of a model's classes; who answered, how fast."""

    probabilities: NDArray[np.float32]
    model: ModelInfo
    seconds: float


def classify(backend: Backend, picture: Picture, model: str | None) -> Classified:
    """Ask for the probability of every class.

    Raises:
        ServeError: the server refuses, or is gone.
    """
    info = backend.pick("classifier", model)
    pixels = as_sent(picture.pixels, info)
    result, seconds = timed(lambda: backend.client.classify([pixels], model=info.name))
    return Classified(result.probabilities[0], info, seconds)


def bars(done: Classified) -> str:
    """Draw the likeliest classes as bars, with their numbers."""
    order = np.argsort(-done.probabilities, kind="stable")[:SHOWN]
    rows = "".join(_bar(done.model.classes[index], float(done.probabilities[index])) for index in order)
    more = len(done.probabilities) - len(order)
    rule = "Several may be in one picture: each class has a probability of its own." if done.model.multi_label else (
        "The probabilities of all classes add up to 100 %."
    )  # fmt: skip
    rest = f" {words.count(more)} less likely {'class is' if more == 1 else 'classes are'} not shown." if more else ""
    return f'<table class="bars"><tbody>{rows}</tbody></table>{words.note(rule + rest)}'


def classify_tab(backend: Backend, picture: gr.State) -> Tab:
    """Lay the tab out."""
    with tab("Classify", "classifier") as chooser:
        run = gr.Button("Classify", variant="primary", elem_classes="run")
        say, view, numbers = gr.HTML(), gr.HTML(elem_classes="view"), gr.HTML()

    def act(picture: Picture | None, model: str | None) -> tuple[str, str]:
        done = classify(backend, chosen(picture), model)
        return bars(done), words.tiles(("time", words.seconds(done.seconds)), ("model", done.model.name))

    results = (Result(view), Result(numbers), Result(say))
    event = on_click(run, act, [picture, chooser.dropdown], results)
    return Tab(chooser, results, event)


def _bar(name: str, probability: float) -> str:
    return (
        f'<tr><th scope="row">{html.escape(name)}</th><td class="bar"><span style="width: {100 * probability:.2f}%">'
        f"</span></td><td>{words.share(probability)}</td></tr>"
    )
