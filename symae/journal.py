"""What a run tells of itself after each epoch: a row of metrics.csv, points in TensorBoard, a line of news."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from serve.files import appears_whole
from symae.data import Batch, Loader
from symae.progress import WAIT_SHARE
from symae.run import Run
from symae.together import greatest, total
from symae.validation import Validation
from symae.world import World

__all__ = ["Journal"]


class Journal(Callback):
    """A row of metrics.csv, a point in TensorBoard and a line of news for each epoch."""

    def __init__(
        self, run: Run, loader: Loader, validation: Validation, say: Callable[[str], None], world: World
    ) -> None:
        self._run = run
        self._world = world
        self._loader = loader
        self._validation = validation
        self._say = say
        self._sums: dict[str, Tensor | float] = {}
        self._steps = 0
        self._began = self._ended = time.perf_counter()
        self._waited = 0.0
        self._seen = 0

    def state_dict(self) -> dict[str, Any]:
        """What the steps of an epoch that is not yet over told, as the mean of all processes has it."""
        return {**self._totals(), "steps": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the epoch up again."""
        self._sums = {name: value for name, value in state_dict.items() if name != "steps"}
        self._steps = state_dict["steps"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Drop rows of epochs that will be run again."""
        self._begin()
        if trainer.is_global_zero and self._run.metrics.exists():
            with self._run.metrics.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["epoch"]) <= trainer.current_epoch]
            _write_rows(self._run.metrics, rows)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Count time from here on: what is written between two epochs is no part of either."""
        self._begin()

    def on_train_batch_end(  # type: ignore[override]
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        outputs: dict[str, Tensor],
        batch: Batch,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Add up what the step tells, on its device."""
        for name, value in outputs.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach().double()
        self._steps += 1
        self._seen += self._loader.images_a_step
        self._ended = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write the row."""
        sums, seconds = self._totals(), self._ended - self._began  # without the validation, which has run by now
        waited = greatest(self._loader.data_wait - self._waited)
        if trainer.is_global_zero:
            self._write(trainer, sums, seconds, waited)
        self._sums, self._steps = {}, 0

    def _write(self, trainer: Trainer, sums: Mapping[str, float], seconds: float, waited: float) -> None:
        steps = max(self._steps, 1)
        row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "loss": sums.get("loss", 0.0) / steps,
            "learning_rate": self._run.recipe.rate(trainer.current_epoch),
            "images_per_second": self._seen / max(seconds, 1e-9),
            "data_wait": waited / max(seconds, 1e-9),
            "seconds": seconds,
            **{name: value / steps for name, value in sums.items() if name != "loss"},
            **self._validation.latest,
        }
        _append_row(self._run.metrics, row)
        if trainer.logger is not None:
            trainer.logger.log_metrics({key: float(value) for key, value in row.items()}, trainer.global_step)
        self._say(_line(row, self._run.recipe.epochs))

    def _totals(self) -> dict[str, float]:
        """The sums of what the epoch's steps told so far, as the mean of all processes."""
        return {name: self._mean(value) for name, value in self._sums.items()}

    def _mean(self, value: Tensor | float) -> float:
        return float(total(torch.as_tensor(value, dtype=torch.float64))) / self._world.size

    def _begin(self) -> None:
        self._began = self._ended = time.perf_counter()
        self._waited = self._loader.data_wait
        self._seen = 0


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the whole table, with the columns of all its rows; it appears whole or not at all."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with appears_whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _append_row(path: Path, row: dict[str, Any]) -> None:
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    _write_rows(path, [*rows, row])


def _line(row: dict[str, Any], epochs: int) -> str:
    known = ("epoch", "step", "loss", "learning_rate", "images_per_second", "data_wait", "seconds")
    measured = "".join(f"  {key} {value:.2f}" for key, value in row.items() if key not in known)
    wait = f", {row['data_wait']:.0%} waiting for data" if row["data_wait"] > WAIT_SHARE else ""
    rate = f"{row['images_per_second']:,.0f} images/s{wait}"
    return f"epoch {row['epoch']}/{epochs}  loss {row['loss']:.4f}{measured}  ({rate})"
