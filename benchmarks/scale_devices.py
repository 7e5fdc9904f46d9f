"""Several devices: two processes on the CPU beside one, the same recipe, seed and data."""

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
from symae.weights import load_tensors

__all__ = ["measure"]


def measure(quick: bool) -> Iterator[Line]:
    """Network 2 at a quarter of its width: some epochs in one process, the same ones in two."""
    recipe, steps = _recipe(quick), 2 if quick else 8
    with tempfile.TemporaryDirectory() as folder:
        (data := Path(folder) / "images").mkdir()
        write_images(data, steps * recipe.batch_size)
        one, two = (_train(recipe, data, Path(folder) / f"run{devices}", devices) for devices in (1, 2))
        difference = max(abs(_number(a, "loss") - _number(b, "loss")) for a, b in zip(one, two, strict=True))
        weights = _furthest(Path(folder) / "run1", Path(folder) / "run2")
    speeds = [_number(rows[-1], "images_per_second") for rows in (one, two)]
    note = (
        f"{recipe.epochs} epochs of {steps} steps; weights differ by {weights:.1e} at most; "
        f"{speeds[0]:.0f} images/s in one process with {torch.get_num_threads()} threads, "
        f"{speeds[1]:.0f} in two with half of them each"
    )
    yield Line(
        "devices_loss", "2 processes: greatest difference of an epoch's loss to one", 1e-5, False, difference, note
    )


def _train(recipe: Recipe, data: Path, out: Path, devices: int) -> list[dict[str, str]]:
    train(Request(recipe, str(data), out, device="cpu", devices=devices), say=lambda _: None)
    with (out / "metrics.csv").open(newline="") as rows:
        return list(csv.DictReader(rows))


def _number(row: dict[str, str], column: str) -> float:
    return float(row[column])


def _furthest(one: Path, other: Path) -> float:
    first, second = load_tensors(one), load_tensors(other)
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


def _recipe(quick: bool) -> Recipe:
    recipe = find("table2-pretrain")
    network = dataclasses.replace(recipe.network, width=0.25)
    small = recipe.smoke() if quick else dataclasses.replace(recipe, network=network, batch_size=64)
    return dataclasses.replace(small, epochs=2 if quick else 4, milestones=(), validate_every=100, resize=None)
