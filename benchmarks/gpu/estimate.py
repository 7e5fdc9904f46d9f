"""How long a task takes: from its operations and steps at first, from what was measured as soon as anything was."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.options import State
from benchmarks.gpu.plan import Kind, Task

__all__ = ["Pace", "progress"]

SECONDS: dict[Kind, float] = {
    "denoise": 60,
    "parity-torch": 30,
    "parity-onnx": 120,
    "speed-train": 180,
    "speed-extract": 60,
}


@dataclass(frozen=True)
class Pace:
    """What seconds are reckoned from.

    Attributes:
        flops: operations a second that trainings sustain where the device is busy: an H100 did 110e12 in bfloat16.
        step: seconds that no step of the optimiser comes below, for what the CPU does in it.
        start: seconds until a training's first step, and for its measurement at the end.
        factor: what all of that is to be multiplied by, as measured.
    """

    flops: float = 100e12
    step: float = 0.004
    start: float = 20.0
    factor: float = 1.0

    def seconds(self, task: Task) -> float:
        """The whole of a task, with the device to itself."""
        if task.kind != "train":
            return SECONDS[task.kind]
        return self.factor * (self.start + max(task.flop / self.flops, task.steps * self.step))

    def measured(self, plan: Iterable[Task], state: State) -> Pace:
        """The pace that a plan's trainings have had so far, if any has finished an epoch."""
        begun = [(task, progress(task, state)) for task in plan if task.kind == "train"]
        expected = sum(share * self.seconds(task) for task, share in begun)
        spent = sum(state.spent(task.name) for task, share in begun if share)
        return dataclasses.replace(self, factor=spent / expected) if spent and expected else self

    def left(self, plan: Iterable[Task], state: State, parallel: int) -> float:
        """Seconds that what is not finished still takes, several at a time; they share the device's arithmetic."""
        todo = [(task, 1 - progress(task, state)) for task in plan if not state.done(task.name)]
        together = sum(share * self.seconds(task) for task, share in todo) / parallel
        return max(together, sum(share * task.flop for task, share in todo) / self.flops)


def progress(task: Task, state: State) -> float:
    """The share of a training's epochs that are behind it, in [0, 1]; 0 for anything else."""
    if state.done(task.name):
        return 1.0
    epochs = _epochs(state.run(task.name) / "metrics.csv")
    return min(1.0, epochs / task.epochs) if task.epochs else 0.0


def _epochs(metrics: Path) -> int:
    if not metrics.is_file():
        return 0
    with metrics.open(newline="") as rows:
        return sum(1 for _ in csv.DictReader(rows))
