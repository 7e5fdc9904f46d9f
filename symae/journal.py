"""What a run tells of itself after each epoch: a row of metrics.csv, points in TensorBoard, a line of news."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from serve.files import appears_whole
from symae.data import Batch, TrainingLoader
from symae.progress import WAIT_SHARE
from symae.run import Run
from symae.together import greatest, total
from symae.validation import Validation
from symae.world import World

__all__ = ["Journal"]


class Journal(Callback):
    """A row of metrics.csv, a point in TensorBoard and a line of news for each epoch."""

    def __init__(
        self, run: Run, loader: TrainingLoader, validation: Validation, say: Callable[[str], None], world: World
    ) -> None:
        self._run = run
        self._world = world
        self._loader = loader
        self._validation = validation
        self._say = say
        self._loss: Tensor | float = 0.0
        self._steps = 0
        self._began = self._ended = time.perf_counter()
        self._waited = 0.0
        self._seen = 0

    def state_dict(self) -> dict[str, Any]:
        """The losses of an epoch that is not yet over, as the mean of all processes has them."""
        return {"loss": self._mean(), "steps": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the epoch's losses up again."""
        self._loss, self._steps = state_dict["loss"], state_dict["steps"]

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
        """Add the loss up, on its device."""
        self._loss = self._loss + outputs["loss"].detach().double()
        self._steps += 1
        self._seen += self._loader.share.whole
        self._ended = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write the row."""
        loss, seconds = self._mean(), self._ended - self._began  # without the validation, which has run by now
        waited = greatest(self._loader.data_wait - self._waited)
        if trainer.is_global_zero:
            self._write(trainer, loss, seconds, waited)
        self._loss, self._steps = 0.0, 0

    def _write(self, trainer: Trainer, loss: float, seconds: float, waited: float) -> None:
        row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "loss": loss / max(self._steps, 1),
            "learning_rate": self._run.recipe.rate(trainer.current_epoch),
            "images_per_second": self._seen / max(seconds, 1e-9),
            "data_wait": waited / max(seconds, 1e-9),
            "seconds": seconds,
            **self._validation.latest,
        }
        _append_row(self._run.metrics, row)
        if trainer.logger is not None:
            trainer.logger.log_metrics({key: float(value) for key, value in row.items()}, trainer.global_step)
        self._say(_line(row, self._run.recipe.epochs))

    def _mean(self) -> float:
        """The sum of the epoch's losses so far, as the mean of all processes."""
        losses = torch.as_tensor(self._loss, dtype=torch.float64)
        return float(total(losses)) / self._world.size

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
