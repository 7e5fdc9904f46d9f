"""Several devices: two processes on the CPU beside one, the same recipe, seed and data.

Sums in another order differ in their last digits, and training makes more of it, the faster it is. What is to be
expected of that is measured beside it: one process with half of its threads. The rate is the paper's for all labels.
"""

from __future__ import annotations

import csv
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.lines import Line
from benchmarks.scale_training import write_images
from symae.recipes import Recipe, find
from symae.request import Request
from symae.train import train

__all__ = ["measure"]


def measure(quick: bool) -> Iterator[Line]:
    """Network 2 at a quarter of its width: some epochs in one process, the same ones in two."""
    recipe, steps, threads = _recipe(quick), 2 if quick else 8, torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        (data := Path(folder) / "images").mkdir()
        write_images(data, steps * recipe.batch_size)
        one, two = (_train(recipe, data, Path(folder) / f"run{devices}", devices) for devices in (1, 2))
        torch.set_num_threads(max(1, threads // 2))
        try:
            half = _train(recipe, data, Path(folder) / "half", 1)
        finally:
            torch.set_num_threads(threads)
    speeds = [_number(rows[-1], "images_per_second") for rows in (one, two)]
    note = (
        f"{recipe.epochs} epochs of {steps} steps, in the first {_apart(one[:1], two[:1]):.1e}; "
        f"one process with half of its threads: {_apart(one, half):.1e}; "
        f"{speeds[0]:.0f} images/s in one process with {threads} threads, {speeds[1]:.0f} in two with half of them each"
    )
    what = "2 processes: greatest difference of an epoch's loss to one"
    yield Line("devices_loss", what, 1e-5, False, _apart(one, two), note)


def _train(recipe: Recipe, data: Path, out: Path, devices: int) -> list[dict[str, str]]:
    train(Request(recipe, str(data), out, device="cpu", devices=devices), say=lambda _: None)
    with (out / "metrics.csv").open(newline="") as rows:
        return list(csv.DictReader(rows))


def _apart(one: list[dict[str, str]], other: list[dict[str, str]]) -> float:
    return max(abs(_number(a, "loss") - _number(b, "loss")) for a, b in zip(one, other, strict=True))


def _number(row: dict[str, str], column: str) -> float:
    return float(row[column])


def _recipe(quick: bool) -> Recipe:
    recipe = find("table2-pretrain")
    network = dataclasses.replace(recipe.network, width=0.25)
    small = recipe.smoke() if quick else dataclasses.replace(recipe, network=network, batch_size=64)
    epochs = 2 if quick else 4
    return dataclasses.replace(small, epochs=epochs, learning_rate=1e-4, milestones=(), validate_every=100, resize=None)
