"""What all tabs have: a name, a chooser of models, a sentence where none is served, results that are emptied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr

from serve.metadata import Kind
from symae.ui.models import Chooser
from symae.ui.words import failure

__all__ = ["KEPT", "Result", "Tab", "guarded", "on_click", "tab"]

KEPT = 3600  # seconds that files and pictures of a visitor are kept


@dataclass(frozen=True)
class Result:
    """A component that shows a result, and its value while there is none."""

    component: Any
    empty: Any = ""


@dataclass(frozen=True)
class Tab:
    """A tab: what depends on the models that are served; what is emptied, and given up, when another picture comes."""

    chooser: Chooser
    results: tuple[Result, ...]
    event: Any


@contextmanager
def tab(name: str, kind: Kind, *, free: bool = True) -> Iterator[Chooser]:
    """Open a tab; what is laid out in the block is there while a model of the kind is served.

    Args:
        name: of the tab.
        kind: of its models.
        free: the visitor may choose among them.
    """
    with gr.Tab(name, id=name.lower()):
        missing = gr.HTML(visible=False)
        with gr.Column() as body:
            yield Chooser(kind, missing, body, gr.Dropdown(label="Model", visible=False), free)


def on_click(
    button: gr.Button, handler: Callable[..., tuple[Any, ...]], inputs: Sequence[Any], results: Sequence[Result]
) -> Any:
    """Have a button fill results; the last of them gets a sentence if that fails, and the others are emptied.

    Returns:
        The event, by which it is given up.
    """
    return button.click(
        guarded(tuple(result.empty for result in results[:-1]), handler),
        list(inputs),
        [result.component for result in results],
        show_progress_on=[results[0].component],
        concurrency_limit=4,
        api_visibility="private",
    )


def guarded(empty: tuple[Any, ...], handler: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """Make a handler that never raises.

    Args:
        empty: the values of its outputs where it failed.
        handler: may raise what is raised on purpose in `serve` and `symae`; anything else is a fault and logged.

    Returns:
        A function whose outputs are the handler's, or the empty ones, and a sentence, which is empty if all went well.
    """

    def call(*arguments: Any) -> tuple[Any, ...]:
        try:
            return *handler(*arguments), ""
        except Exception as error:
            return *empty, failure(error)

    return call
