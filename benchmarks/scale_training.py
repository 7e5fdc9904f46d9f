"""Training speed: the trainer beside a bare PyTorch loop of the same step, and the memory of streaming.

The bare loop has all that the step is - pixels to floats, damage, forward, loss, backward, Adam - and nothing else:
one batch, always the same, no data, no schedule, no checks, no journal. What makes the step itself faster or slower is
measured likewise, each choice in rounds beside the step as it is.
"""

from __future__ import annotations

import csv
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from benchmarks.lines import Line
from symae.corruption import corrupt
from symae.data import TrainingLoader
from symae.data.files import ImageFiles
from symae.data.paths import PathList
from symae.networks import SymmetricAutoencoder
from symae.optimizer import make_optimizer
from symae.randomness import generator
from symae.recipes import Recipe, find
from symae.request import Request
from symae.stages import loss_of
from symae.train import train

__all__ = ["bare", "measure", "memory", "trainer"]

CPU = torch.device("cpu")
SIDE = 32
DEFAULTS = ("channels-last", "fused Adam")  # the choices that the trainer has made; the others are the user's
Step = Callable[[], object]


def measure(quick: bool) -> Iterator[Line]:
    """Network 2 at a quarter of its width, pre-trained on the CPU with what threads PyTorch takes."""
    rounds, steps = (1, 2) if quick else (5, 8)
    recipe = _recipe(quick)
    with tempfile.TemporaryDirectory() as folder:
        data = write_images(Path(folder), steps * recipe.batch_size)
        pairs = [(trainer(recipe, data, steps), rate(bare(recipe), recipe, steps)) for _ in range(rounds)]
        ours, theirs = zip(*pairs, strict=True)
        ratio = median(own / other for own, other in pairs)
        note = f"{median(ours):.0f} and {median(theirs):.0f} images/s with {torch.get_num_threads()} threads"
        yield Line("trainer_over_bare", "trainer's images/s over a bare loop of the same step", 0.95, True, ratio, note)
        gains = dict(_gains(recipe, quick))
        note = ", ".join(f"{name} {gain:.2f}" for name, gain in gains.items())
        least = min(gains[name] for name in DEFAULTS)
        yield Line(
            "choices", "images/s with each choice of the step over those without it, least", 0.95, True, least, note
        )
        grown, note = memory(data, *((20, 2, 3) if quick else (1_000_000, 30, 8)))
        yield Line("streaming_memory", "memory of streaming, last epoch over second", 1.05, False, grown, note)


def trainer(recipe: Recipe, data: Path, steps: int) -> float:
    """Images a second of the second epoch of a run, whose first is for warming up, as its journal has it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        train(Request(recipe, str(data), out, device="cpu"), say=lambda _: None)
        with (out / "metrics.csv").open(newline="") as rows:
            row = list(csv.DictReader(rows))[-1]
    assert int(row["step"]) == 2 * steps
    return float(row["images_per_second"])


def bare(
    recipe: Recipe,
    *,
    layout: torch.memory_format = torch.channels_last,
    fused: bool = True,
    bfloat16: bool = False,
    compiled: bool = False,
) -> Step:
    """Make the step of a pre-training, as somebody would write it who needs nothing else."""
    model = SymmetricAutoencoder(recipe.network).to(memory_format=layout)
    optimizer = make_optimizer(recipe, model, [{"params": list(model.parameters())}])
    if not fused:
        optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, foreach=False)
    shape = (recipe.batch_size, 3, recipe.crop, recipe.crop)
    batch = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(CPU, "batch"))
    draws, loss_function = generator(CPU, "damage"), loss_of(recipe)
    if compiled:
        loss_function = torch.compile(loss_function)

    def step() -> None:
        clean = (batch.float() / 255).contiguous(memory_format=layout)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = loss_function(model, clean, corrupt(recipe.corruption, clean, draws), None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def rate(step: Step, recipe: Recipe, steps: int) -> float:
    """Images a second of a step, after two for warming up."""
    for _ in range(2):
        step()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * recipe.batch_size / (time.perf_counter() - began)


def memory(data: Path, images: int, steps: int, epochs: int) -> tuple[float, str]:
    """Stream the beginnings of some epochs from a list of many paths; how much the memory of all processes grows.

    Args:
        data: some image files.
        images: length of the list; the files come again and again.
        steps: batches of each epoch that are taken.
        epochs: how many.

    Returns:
        Memory after the last epoch over that after the second, and the two in words.
    """
    names = sorted(file.name for file in data.iterdir())
    paths = PathList.of(data, (names[number % len(names)] for number in range(images)))
    dataset = ImageFiles("many", 3, paths)
    loader = TrainingLoader(
        dataset, batch_size=10, crop=29, resize=None, flip=True, seed=0, device=CPU, workers=2, resident_bytes=0
    )
    found = []
    for epoch in range(epochs):
        batches = loader.batches(epoch)
        for _ in range(steps):
            next(batches, None)
        found.append(_own_memory())
        batches.close()  # type: ignore[attr-defined]
    note = f"{found[1] / 2**20:.0f} and {found[-1] / 2**20:.0f} MiB, {images:,} paths, 2 workers, {epochs} epochs"
    return found[-1] / found[1], note


def write_images(folder: Path, count: int) -> Path:
    """Write files of random pixels of CIFAR's size."""
    draws = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(draws.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(folder / f"{number:05}.png")
    return folder


def _recipe(quick: bool) -> Recipe:
    recipe = find("table2-pretrain")
    network = dataclasses.replace(recipe.network, width=0.25)
    small = recipe.smoke() if quick else dataclasses.replace(recipe, network=network)
    return dataclasses.replace(small, epochs=2, milestones=(), validate_every=100, resize=None)


def _gains(recipe: Recipe, quick: bool) -> Iterator[tuple[str, float]]:
    """What each choice of the step gains: images a second with it over those without it."""
    rounds, steps = (1, 1) if quick else (2, 4)
    plain = bare(recipe)
    without = {
        "channels-last": (bare(recipe, layout=torch.contiguous_format), True),
        "fused Adam": (bare(recipe, fused=False), True),
        "bfloat16": (bare(recipe, bfloat16=True), False),
    }
    if not quick:
        without["compiled"] = (bare(recipe, compiled=True), False)
    for name, (other, inverse) in without.items():
        gains = [rate(other, recipe, steps) / rate(plain, recipe, steps) for _ in range(rounds)]
        yield name, 1 / median(gains) if inverse else median(gains)


def _own_memory() -> int:
    """Bytes of this process and its children, what they share counted once in all."""
    total, mine = 0, Path("/proc/self").resolve().name
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = status.read_text().rpartition(")")[2].split()[1]
            if mine in (parent, status.parent.name):
                total += _proportional(status.parent)
        except OSError:  # it has ended
            continue
    return total


def _proportional(process: Path) -> int:
    lines = (process / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
