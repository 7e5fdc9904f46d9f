"""What is to be done, in which order.

A job is a word: "parity", "speed", the name of a table, or that of a recipe; the last two may say how many seeds of
each row, "table1:1". A task is what one process does: one training with its measurement, or one check. What a recipe
starts from is planned before it.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.gpu.options import Options
from symae.data import NAMES
from symae.data.crops import count_steps
from symae.errors import InputError
from symae.networks import NetworkSpec, network1, network2, network3, pyramid, rednet, wide_resnet
from symae.recipes import RECIPES, TABLES, Recipe, find, override
from symae.request import open_part

__all__ = ["JOBS", "NETWORKS", "SPEED", "Task", "data_of", "make_plan", "shrunk", "test_set"]

Kind = Literal["train", "denoise", "parity-torch", "parity-onnx", "speed-train", "speed-extract"]

JOBS = (  # what "all" is, in its order; with ":1", a single seed of what costs much
    *("parity", "table2", "table1:1", "modern:1"),
    *("restore-deep-long-colour", "restore-large-gray"),  # what ships with symae; BSD68
    *("restore-large-colour", "restore-deep-long-gray"),
    *("restore-rednet-gray", "restore-rednet-colour", "restore-network1-gray", "restore-network1-colour"),
    "speed",
)
SPEED = "table1-cifar10-pretrain"  # the recipe whose speed is measured: of all trainings of an image it costs most
RESTORATION = "restore-"  # how the names of recipes begin whose networks are measured on photographs
NETWORKS: dict[str, NetworkSpec] = {
    "network1": network1(),
    "network2": network2(),
    "network3": network3(),
    "rednet": rednet(),
    "wide-resnet": wide_resnet(),
    "pyramid": pyramid(),
    "pyramid-2": find("restore-deep-colour").network,
}
SIZES = {"cifar10": 50_000, "cifar100": 50_000, "stl10": 105_000}  # training images, while the data is not there


@dataclass(frozen=True)
class Task:
    """What one process does.

    Attributes:
        name: its own, and its folder's.
        job: the word that it was planned for.
        kind: which function of `benchmarks.gpu.worker` does it.
        recipe: of a training or of what is denoised with, as it is found by name; None: neither.
        network: one of `NETWORKS`, of a parity check.
        seed: of a training.
        after: the tasks that must be finished first; a training starts from the weights of the first.
        flop: floating point operations of a training's convolutions, forward and backward; 0 where the number of
            images is not known.
        steps, epochs: of a training.
        alone: nothing else may use the device meanwhile.
        lacks: the data that was not given; empty: none.
    """

    name: str
    job: str
    kind: Kind
    recipe: Recipe | None = None
    network: str = ""
    seed: int = 0
    after: tuple[str, ...] = ()
    flop: float = 0.0
    steps: int = 0
    epochs: int = 0
    alone: bool = False
    lacks: str = ""


def make_plan(jobs: Iterable[str], options: Options) -> list[Task]:
    """Plan jobs in their order; each task stands after those that it needs, and lacks what they lack.

    Raises:
        InputError: a job is unknown; the nearest is named.
        RecipeError: a setting is unknown or out of range.
    """
    tasks: dict[str, Task] = {}
    for job in jobs:
        for task in _tasks(job, options):
            lacks = next(filter(None, (task.lacks, *(tasks[name].lacks for name in task.after))), "")
            tasks.setdefault(task.name, dataclasses.replace(task, lacks=lacks))
    return list(tasks.values())


def shrunk(recipe: Recipe, options: Options) -> Recipe:
    """The recipe that is trained: itself, or its smallest form."""
    return recipe.smoke() if options.smoke else recipe


def data_of(recipe: Recipe, options: Options) -> str | None:
    """Where a recipe's images lie: what was given by its name, the name of its data, or the first word of its name."""
    return next((options.data[name] for name in _data_names(recipe) if name in options.data), None)


def test_set(recipe: Recipe) -> str:
    """The name of the photographs on which denoisers are compared, gray or in colour."""
    return "bsd68" if recipe.network.channels == 1 else "cbsd68"


def _data_names(recipe: Recipe) -> tuple[str, str, str]:
    return recipe.name, recipe.data, recipe.name.partition("-")[0]


def _tasks(job: str, options: Options) -> Iterator[Task]:
    name, _, seeds = job.partition(":")
    if seeds:
        if not (seeds.isdigit() and int(seeds) and name in (*TABLES, *RECIPES)):
            raise InputError(f"job {job!r}: expected the name of a table or recipe, and a number of seeds above 0")
        options = dataclasses.replace(options, seeds=int(seeds))
    yield from _named(name, options)


def _named(job: str, options: Options) -> Iterator[Task]:
    if job == "all":
        for part in JOBS:
            yield from _tasks(part, options)
    elif job == "parity":
        for network in NETWORKS:
            yield Task(f"parity-torch-{network}", job, "parity-torch", network=network)
            yield Task(f"parity-onnx-{network}", job, "parity-onnx", network=network)
    elif job == "speed":
        lacks = "" if data_of(find(SPEED), options) else "cifar10"
        yield Task("speed-train", job, "speed-train", alone=True, lacks=lacks)
        yield Task("speed-extract", job, "speed-extract", after=("speed-train",), alone=True)
    elif job in TABLES:
        yield from _rows(job, TABLES[job].rows, options)
    elif job in RECIPES:
        yield from _rows(job, (find(job),), options)
    else:
        known = ("all", "parity", "speed", *TABLES, *RECIPES)
        raise InputError(f"unknown job {job!r}: did you mean {difflib.get_close_matches(job, known, 1, 0.0)[0]!r}?")


def _rows(job: str, recipes: tuple[Recipe, ...], options: Options) -> Iterator[Task]:
    """First what the rows start from, once for all seeds; then a seed after the other."""
    for recipe in recipes:
        if recipe.pretrained_by:
            yield from _rows(job, (find(recipe.pretrained_by),), options)
    for seed in range(options.seeds):
        for recipe in recipes:
            if seed == 0 or recipe.stage != "pretrain":
                yield _training(job, recipe, seed, options)
                if recipe.name.startswith(RESTORATION):
                    yield _denoising(job, recipe, options)


def _training(job: str, recipe: Recipe, seed: int, options: Options) -> Task:
    after = (f"{recipe.pretrained_by}-s0",) if recipe.pretrained_by else ()
    trained = override(shrunk(recipe, options), options.settings)
    flop, steps = _cost(trained, data_of(recipe, options))
    lacks = "" if data_of(recipe, options) else _data_names(recipe)[1 if recipe.data in NAMES else 2]
    return Task(
        f"{recipe.name}-s{seed}",
        job,
        "train",
        recipe,
        seed=seed,
        after=after,
        flop=flop,
        steps=steps,
        epochs=trained.epochs,
        lacks=lacks,
    )


def _denoising(job: str, recipe: Recipe, options: Options) -> Task:
    lacks = "" if test_set(recipe) in options.data else test_set(recipe)
    return Task(f"{recipe.name}-denoising", job, "denoise", recipe, after=(f"{recipe.name}-s0",), lacks=lacks)


@functools.cache
def _cost(recipe: Recipe, data: str | None) -> tuple[float, int]:
    """Count a training's floating point operations, forward and backward, and its steps."""
    images = SIZES.get(recipe.data, 0)
    if recipe.labels is not None or data is not None:
        images = recipe.labels or len(open_part(recipe, str(data), "train", 0))
    steps = count_steps(images, recipe.batch_size, recipe.repeats) * recipe.epochs if images else 0
    forward = recipe.network.flops(recipe.crop, recipe.crop, decoder=recipe.stage != "classify")
    guessed = recipe.unlabelled * max(0, 1 - recipe.labels_first / recipe.epochs)  # in the mean, each with a pass more
    return forward * steps * (3 * min(recipe.repeats * images, recipe.batch_size) + 4 * guessed), steps
