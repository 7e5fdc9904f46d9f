"""What is to be probed, and what of it is still to be done."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from symae.errors import InputError
from symae.probe.cost import LayerCost, layer_cost
from symae.probe.images import ProbeImages, Question, open_parts
from symae.probe.scores import METHOD, Figure, RunScores, read_figure
from symae.run import Run, open_run
from symae.weights import load_card

__all__ = ["NUMBERS", "ProbeRequest", "Task", "parse_layers", "plan"]

NUMBERS = "probe.json"


@dataclass(frozen=True)
class ProbeRequest:
    """What is to be probed.

    Attributes:
        runs: run directories of any stage.
        question: what all are asked.
        out: folder for numbers and plots; figures of the same question gather in it.
        layers: convolutions, counted from 1; empty: all of each run.
        device: "auto", "cpu", "cuda" or "cuda:N".
    """

    runs: tuple[Path, ...]
    question: Question
    out: Path
    layers: tuple[int, ...] = ()
    device: str = "auto"


@dataclass(frozen=True)
class Task:
    """What a run still lacks.

    Attributes:
        run: the run.
        scores: what is known of it.
        images: what it is measured on.
        costs: of each layer that is not yet measured.
    """

    run: Run
    scores: RunScores
    images: ProbeImages
    costs: dict[int, LayerCost]

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return not self.costs and self.scores.final is not None

    @property
    def total(self) -> float:
        """The work of all its layers in MFLOP."""
        return sum(cost.total(len(self.images.training), len(self.images.test)) for cost in self.costs.values())


def parse_layers(text: str) -> tuple[int, ...]:
    """Read "all" or numbers and ranges, e.g. "1,4,6-8"; "all" is ().

    Raises:
        InputError: anything else.
    """
    if text == "all":
        return ()
    layers: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        chosen = range(int(found[1]), int(found[2] or found[1]) + 1) if found else ()
        if not chosen:
            raise InputError(f"--layers {text}: give all, or numbers and ranges such as 1,4,6-8")
        layers.update(chosen)
    return tuple(sorted(layers))


def plan(request: ProbeRequest) -> tuple[Figure, list[Task]]:
    """Find what is known already, and what each run still lacks; all that can be wrong with a request is found here.

    Raises:
        RunError: a run has no weights.
        DataError: no such data, no classes, no test part, or too few images.
        InputError: a layer that a run does not have, or `out` holds answers to another question.
    """
    runs = [open_run(path) for path in dict.fromkeys(request.runs)]
    cards = [load_card(run.path) for run in runs]
    opened = {card.network.channels: open_parts(request.question, card.network.channels) for card in cards}
    images = next(iter(opened.values()))
    fresh = Figure(
        data=Path(request.question.data).name,
        fingerprint=images.fingerprint(),
        labels=len(images.training),
        seed=request.question.seed,
        method=METHOD,
    )
    figure = read_figure(request.out / NUMBERS, fresh)
    tasks = []
    for run, card in zip(runs, cards, strict=True):
        task = _task(run, figure, opened[card.network.channels], request.layers)
        figure = figure.with_run(task.scores)
        tasks.append(task)
    return figure, tasks


def _task(run: Run, figure: Figure, images: ProbeImages, layers: tuple[int, ...]) -> Task:
    network = load_card(run.path).network
    depth = len(network.full)
    if wrong := [layer for layer in layers if not 1 <= layer <= depth]:
        raise InputError(
            f"{run.path} has layers 1 to {depth}, not {wrong[0]}: change --layers, or leave it out for all"
        )
    with run.weights.open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    empty = RunScores(str(run.path), weights, run.recipe.name, f"{network.name} x {network.width:g}")
    scores = figure.scores(empty)
    done = {score.layer for score in scores.layers}
    todo = [layer for layer in layers or range(1, depth + 1) if layer not in done]
    size = (run.recipe.crop, len(images.training), len(images.training.classes))
    return Task(run, scores, images, {layer: layer_cost(network, layer, *size) for layer in todo})
