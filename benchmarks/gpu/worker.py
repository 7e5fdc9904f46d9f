"""What the process of one task does: the work, then a note that it is done, with what it measured."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from benchmarks.gpu import parity, speed
from benchmarks.gpu.options import Options, State
from benchmarks.gpu.plan import Kind, Task, data_of, shrunk, test_set
from serve.progress import show_progress
from symae.assess import assess
from symae.denoising import SIGMAS
from symae.errors import Interrupted, MissingPartError
from symae.request import Request
from symae.restoration import Protocol, measure
from symae.results import Result, result_of
from symae.train import train

__all__ = ["STOPPED", "work"]

STOPPED = 130  # exit code of a training that was told to stop and has saved its state


def work(task: Task, options: Options) -> None:
    """Do a task; ends the process with `STOPPED` if it was told to stop meanwhile.

    All that is said goes to the task's log. SIGTERM is what stops it, as it stops `symae train`; Ctrl-C reaches
    the session, which passes it on.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    state = State(options.state)
    _say_into(state.log(task.name))
    torch.backends.cudnn.benchmark = True  # all batches are of one size
    try:
        results = WORK[task.kind](task, options)
    except Interrupted as stopped:
        print(stopped, flush=True)
        sys.exit(STOPPED)
    named = tuple(dataclasses.replace(result, commit=options.commit or result.commit) for result in results)
    state.finish(task.name, named)


def _train(task: Task, options: Options) -> list[Result]:
    assert task.recipe is not None
    state, data = State(options.state), data_of(task.recipe, options)
    assert data is not None
    request = Request(
        shrunk(task.recipe, options),
        data=data,
        out=state.run(task.name),
        settings=options.settings,
        init=state.run(task.after[0]) if task.after else None,
        resume=True,
        seed=task.seed,
        device=options.device,
        workers=options.workers,
        compile=options.compile,
    )
    run = train(request, say=_say)
    try:
        values = assess(run.path, data=data, part="test", seed=0, device=options.device)
    except MissingPartError as missing:
        _say(f"not measured: {missing}")
        return []
    _say(f"measured: {values}")
    return [result_of(run.path, data, "test", values)]


def _denoise(task: Task, options: Options) -> list[Result]:
    """Measure a restoration network on whole photographs, with and without the mean over flips and rotations."""
    assert task.recipe is not None
    run, data = State(options.state).run(task.after[0]), options.data[test_set(task.recipe)]
    protocol = Protocol((25.0,) if options.smoke else SIGMAS, ensemble=True, inpainting=True)
    with show_progress("images") as start:
        values = measure(run, Path(data), protocol, device=options.device, start=start)
    _say(f"measured: {values}")
    return [result_of(run, data, "test", values)]


WORK: Mapping[Kind, Callable[[Task, Options], list[Result]]] = {
    "train": _train,
    "denoise": _denoise,
    "parity-torch": parity.against_cpu,
    "parity-onnx": parity.against_onnx,
    "speed-train": speed.training,
    "speed-extract": speed.extraction,
}


def _say(line: str) -> None:
    print(line, flush=True)


def _say_into(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
