"""What a user asks `symae train` for, and the recipe and data that follow from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from symae import run as runs
from symae.data import NAMES, DataOptions, Dataset, Part, Target, open_dataset
from symae.data.parts import without
from symae.errors import DataError, MissingPartError, RunError
from symae.recipes import Recipe, override
from symae.run import Run
from symae.stages import target_of
from symae.start import adopt_network
from symae.weights import load_card
from symae.world import ALONE, World

__all__ = ["Plan", "Request", "open_part", "open_unlabelled", "open_validation", "resolve"]


@dataclass(frozen=True)
class Request:
    """A run to be started or continued.

    Attributes:
        recipe: as found by name.
        data: folder, shards, or the name of a set; None: that of the run that goes on, or the recipe's own.
        out: the run directory.
        settings: "key=value", applied on top of the recipe.
        init: run directory or weights to start from; None: fresh weights.
        resume: continue the run in `out`, or start it if there is none.
        seed: of everything that is drawn; None: that of the run that goes on, or 0.
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: processes that decode images that do not fit in memory, for each device.
        devices: how many of this machine train together, each with a process of its own.
        world: the processes that train together, where others have started them; else it is this one alone.
        compile: have PyTorch compile the training step first.
        quiet: show no progress.
        unlabelled: images to learn from without labels, given as `data` is; None: those of the run that goes on, or
            the training images of `data`; see `open_unlabelled`.
    """

    recipe: Recipe
    data: str | None
    out: Path
    settings: Sequence[str] = ()
    init: Path | None = None
    resume: bool = False
    seed: int | None = None
    device: str = "auto"
    workers: int = 2
    devices: int = 1
    world: World = ALONE
    compile: bool = False
    quiet: bool = False
    unlabelled: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a request comes to.

    Attributes:
        recipe: with all settings applied.
        data, seed, init, unlabelled: as given, or as the run that goes on was started with.
        known: the run that goes on; None: a new one.
    """

    recipe: Recipe
    data: str
    seed: int
    init: Path | None
    known: Run | None
    unlabelled: str | None = None

    @property
    def fresh(self) -> bool:
        """Whether training starts at its beginning: a new run, or one that was stopped before its first checkpoint."""
        return self.known is None or not self.known.checkpoint.exists()


def resolve(request: Request) -> Plan:
    """Work out what is to be trained, and on what.

    Raises:
        RunError: the run to be continued is another one, or weights are missing or of no use.
        RecipeError: a setting is unknown or out of range.
        DataError: no data was given to a recipe that has none of its own.
    """
    if request.resume and runs.is_run(request.out):
        return _continue(runs.open_run(request.out), request)
    recipe = override(_with_network(request), request.settings)
    if request.init is None and recipe.initialise != "nothing":
        if recipe.reported:
            raise RunError(
                f"{recipe.name} starts from pre-trained weights: give --init RUN, a run of "
                f"`symae train {recipe.pretrained_by}`"
            )
        recipe = dataclasses.replace(recipe, initialise="nothing", hold_epochs=0)
    if request.init is not None and recipe.stage != "pretrain" and recipe.initialise == "nothing":
        raise RunError(
            f"{recipe.name} takes nothing from --init {request.init}: leave it out, or --set initialise=encoder"
        )
    _check_unlabelled(recipe, request.unlabelled)
    data = request.data or _own_data(recipe)
    return Plan(recipe, data, request.seed or 0, request.init, None, request.unlabelled)


def open_part(recipe: Recipe, data: str, part: Part, seed: int) -> Dataset:
    """Open one part of the data as a recipe needs it: its kind of target, channels, labels and fold.

    Raises:
        DataError: there is no such data or part, or it lacks the targets.
    """
    return open_dataset(data, target=target_of(recipe), part=part, options=_options(recipe, seed))


def open_unlabelled(
    recipe: Recipe, data: str, unlabelled: str | None, seed: int, held_out: Dataset | None
) -> Dataset | None:
    """Open the images that are learnt from without labels; None where the recipe takes none.

    They are the training images of `unlabelled`; without it those that pre-training on `data` would see, whether
    their labels are used or not. Held-out files are never among them; a copy under another name cannot be told.

    Args:
        recipe: says which classes and what is held out, of `data`.
        data: of the labelled images.
        unlabelled: of the others; None: none but those of `data`.
        seed: of the hold-out.
        held_out: what is measured on; None: nothing.

    Raises:
        DataError: there is no such data, or nothing but what is held out.
    """
    if not recipe.unlabelled:
        return None
    options = dataclasses.replace(_options(recipe, seed), labels=None)
    if unlabelled is None or _same_place(unlabelled, data):
        if not options.only_classes:  # else the classes choose among the images of a fold, and so must the hold-out
            options = dataclasses.replace(options, fold=None)
        target = Target.CLASS if options.only_classes else Target.NONE
        return open_dataset(data, target=target, part="train", options=options)
    options = dataclasses.replace(options, fold=None, validation=0.0, only_classes=())
    images = open_dataset(unlabelled, target=Target.NONE, part="train", options=options)
    return images if held_out is None else without(images, held_out)


def _same_place(one: str, other: str) -> bool:
    return one == other or (Path(one).exists() and Path(other).exists() and Path(one).samefile(other))


def _check_unlabelled(recipe: Recipe, unlabelled: str | None) -> None:
    if unlabelled is not None and not recipe.unlabelled:
        raise RunError(
            f"{recipe.name} learns from no images without labels, so --unlabelled {unlabelled} is of no use: "
            "leave it out, take classify-semi, or --set unlabelled=N, how many a step"
        )


def open_validation(recipe: Recipe, data: str, seed: int) -> Dataset | None:
    """Open the held-out images; None where the recipe holds none out and the data has none of its own."""
    try:
        return open_part(recipe, data, "validation", seed)
    except MissingPartError as error:
        if recipe.keep == "best":
            raise DataError(f"{error}; keeping the best weights needs held-out images: --set validation=0.1") from error
        return None


def _options(recipe: Recipe, seed: int) -> DataOptions:
    return DataOptions(
        channels=recipe.network.channels,
        validation=recipe.validation,
        labels=recipe.labels,
        fold=recipe.fold,
        only_classes=recipe.only_classes,
        classes=recipe.classes,
        seed=seed,
    )


def _with_network(request: Request) -> Recipe:
    if request.init is None:
        return request.recipe
    return adopt_network(request.recipe, load_card(request.init), request.init)


def _own_data(recipe: Recipe) -> str:
    if recipe.data not in NAMES:
        raise DataError(f"{recipe.name} has no data of its own: give {recipe.data} with --data")
    return recipe.data


def _continue(known: Run, request: Request) -> Plan:
    """The plan of a run that goes on: only its number of epochs may change."""
    if known.recipe.name != request.recipe.name:
        raise RunError(f"{known.path} is a run of {known.recipe.name}, not of {request.recipe.name}")
    if request.seed not in (None, known.seed):
        raise RunError(f"{known.path} was started with --seed {known.seed}, it cannot go on with {request.seed}")
    recipe = override(known.recipe, request.settings)
    if dataclasses.replace(recipe, epochs=known.recipe.epochs) != known.recipe:
        raise RunError(f"{known.path} can go on with another --set epochs=N alone; other settings need a new --out")
    _check_unlabelled(recipe, request.unlabelled)
    unlabelled = request.unlabelled or known.unlabelled
    return Plan(recipe, request.data or known.data, known.seed, known.init, known, unlabelled)
