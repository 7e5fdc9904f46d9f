"""Probe several runs into one figure, layer by layer; what is done already is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import torch

from symae.device import parse_device
from symae.probe.cost import Meter
from symae.probe.images import Question, load_crops
from symae.probe.layer import probe_final, probe_layer
from symae.probe.plan import NUMBERS, ProbeRequest, Task, plan
from symae.probe.plot import Curve, draw
from symae.probe.scores import Figure, RunScores, write_figure
from symae.probe.table import short_names
from symae.results import Result, result_of
from symae.weights import load

__all__ = ["probe", "probe_results"]

Progress = Callable[[int, int], Callable[[int], None]]

DRAWINGS = ("probe.png", "probe.svg")
DEFAULT = Question("")


def probe(request: ProbeRequest, progress: Progress) -> Figure:
    """Probe all layers asked for that are not in `out` yet; the numbers are written after each of them.

    Args:
        request: what to probe.
        progress: called once with (0, MFLOP to be done); gives what is called with each number that is done.

    Returns:
        All that `out` has, in the order in which runs were first given.

    Raises:
        InputError: something in the request is not as it must be; see `symae.probe.plan.plan`.
    """
    device = parse_device(request.device).torch
    figure, tasks = plan(request)
    tasks = [task for task in tasks if not task.done]
    request.out.mkdir(parents=True, exist_ok=True)
    meter = Meter(progress(0, max(1, round(sum(task.total for task in tasks)))) if tasks else lambda _: None)
    for task in tasks:
        for scores in _work(task, request.question, device, meter):
            figure = figure.with_run(scores)
            write_figure(figure, request.out / NUMBERS)
    curves = [Curve.of(name, run.values()) for name, run in zip(short_names(figure), figure.runs, strict=True)]
    draw(curves, *(request.out / name for name in DRAWINGS))
    return figure


def probe_results(request: ProbeRequest, figure: Figure) -> Iterator[Result]:
    """Describe the numbers of each run that was asked for, for the record.

    They stand under the run's own recipe; the names of the values say what they are. Another number of labels or
    another seed than the usual ones is told among the changes, so that unlike numbers are never averaged.
    """
    asked = {"probe.labels": (figure.labels, DEFAULT.labels), "probe.seed": (figure.seed, DEFAULT.seed)}
    unusual = {name: value for name, (value, usual) in asked.items() if value != usual}
    known = {scores.run: scores for scores in figure.runs}
    for path in request.runs:
        result = result_of(path, request.question.data, "test", known[str(path)].values())
        yield dataclasses.replace(result, changes={**result.changes, **unusual})


def _work(task: Task, question: Question, device: torch.device, meter: Meter) -> Iterator[RunScores]:
    """Do a task, step by step: the run's scores after each."""
    scores = task.scores
    crops = load_crops(task.images, task.run.recipe, question.seed, device)
    encoder = load(task.run.path)[0].encoder.to(device).requires_grad_(False)
    for layer, cost in task.costs.items():
        scores = scores.with_layer(probe_layer(encoder, layer, crops, question.seed, cost, meter))
        yield scores
    if scores.final is None:
        yield dataclasses.replace(scores, final=probe_final(encoder, crops))
