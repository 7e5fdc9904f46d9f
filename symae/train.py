"""Train a recipe: data, network and run directory in; weights, card and metrics out."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from symae import run as runs
from symae.checkpoint import Checkpoint
from symae.device import Device, check_devices, parse_device
from symae.errors import DataError
from symae.journal import Journal
from symae.launch import launch
from symae.module import Epochs, TrainingModule
from symae.prepare import Prepared, prepare
from symae.progress import Progress
from symae.recipes import Recipe
from symae.request import Request
from symae.results import origin
from symae.run import Run
from symae.runpage.keeper import Keeper, Observed
from symae.together import agreed, collect, connected, greatest
from symae.validation import Validation
from symae.world import Environment, World

__all__ = ["train"]

Say = Callable[[str], None]


def train(request: Request, say: Say = print) -> Run:
    """Run a recipe to its end, or until it is interrupted.

    Args:
        request: what to train.
        say: gets each line of news.

    Returns:
        The run, whose directory holds weights, metrics and preview.

    Raises:
        InputError: data, recipe, run directory or weights are not as they must be; nothing was written.
        DivergenceError: the loss is not finite; the last good checkpoint stays.
        Interrupted: a signal came; the state was saved, and `resume` goes on from it.
        PeerLost: one of several processes has ended without a word.
        ToldElsewhere: in one of several processes, where another tells what failed.
    """
    world = request.world
    if world.alone and request.devices > 1:
        check_devices(request.device, request.devices)
        return cast(Run, launch(train, request, say))
    device = parse_device(request.device, world.local_rank, world.local_size)
    with connected(world, device.torch):
        return _train(request, device, say if world.leads else _nothing)


def _nothing(_: str) -> None:
    """What a process says that does not speak for all."""


def _train(request: Request, device: Device, say: Say) -> Run:
    world = request.world
    with agreed(world):
        ready = prepare(request, device, say)
    with agreed(world):
        for images in (ready.training, ready.unlabelled):
            if images is not None and greatest(len(images)) != len(images):
                raise DataError(f"not all processes see as many images in {images.name}: put them where all nodes look")
    where = device.describe() if world.alone else f"{world.size} x {device.describe()}"
    with agreed(world):
        run = _enter(request.out, ready, where, world)
    steps = len(ready.loader)
    beside = "" if ready.unlabelled is None else f" and {len(ready.unlabelled)} without labels"
    say(f"{run.recipe.name}: {len(ready.training)} images{beside}, {steps} steps an epoch, on {where}")
    precision = run.recipe.precision
    if not device.has_instructions_for(precision):
        say(f"{where} has no instructions for {precision}, which is slow there: try --set precision=32-true")
    _fit(run, ready, request, device, say)
    _report_unreadable(collect(ready.loader.unreadable), say)
    return run


def _enter(out: Path, ready: Prepared, where: str, world: World) -> Run:
    plan = ready.plan
    if plan.known is not None:
        run = dataclasses.replace(plan.known, recipe=plan.recipe)
        if world.leads:
            run.update()
        return run
    fingerprint = ready.fingerprint if world.leads else ""
    run = Run(out, plan.recipe, plan.seed, plan.data, fingerprint, plan.init, origin(plan.init), plan.unlabelled)
    if world.leads:
        runs.create(run, where)
    return run


def _fit(run: Run, ready: Prepared, request: Request, device: Device, say: Say) -> None:
    world, loader, recipe = request.world, ready.loader, run.recipe
    model = ready.model.to(memory_format=torch.channels_last)
    module = TrainingModule(
        model,
        recipe,
        run.seed,
        loader.share,
        world,
        unlabelled_share=loader.unlabelled_share,
        compiled=request.compile,
    )
    validation = Validation(run, ready.card, ready.validation, ready.training)
    progress = [Progress(loader)] if world.leads and not request.quiet else []
    keeper = Keeper(run, _observed(ready, request, device), say)
    callbacks: list[Callback] = [validation, Journal(run, loader, validation, say, world), *progress, keeper]
    with _quiet_lightning():
        trainer = Trainer(
            max_epochs=recipe.epochs,
            accelerator=device.accelerator,
            devices=device.indices if world.alone else "auto",
            strategy="auto" if world.alone else _strategy(recipe, device, world),
            plugins=[Environment(world)],
            precision=recipe.precision,
            logger=TensorBoardLogger(run.path, name="", version="tensorboard"),
            callbacks=[*callbacks, Checkpoint(run, world)],
            default_root_dir=run.path,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        # Lightning would have all processes wait for each other and for the device before every step, to learn whether
        # SIGTERM came; `Checkpoint` asks without waiting.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
        checkpoint = run.checkpoint if run.checkpoint.exists() else None
        trainer.fit(module, Epochs(loader, lambda: trainer.current_epoch), ckpt_path=checkpoint, weights_only=True)


def _observed(ready: Prepared, request: Request, device: Device) -> Observed:
    options = [] if request.device == "auto" else ["--device", request.device]
    options += ["--devices", str(request.devices)] if request.devices > 1 else []
    options += ["--compile"] if request.compile else []
    images = ready.training, ready.validation, ready.unlabelled
    return Observed(*images, device.describe(), request.world.size, tuple(options))


def _strategy(recipe: Recipe, device: Device, world: World) -> DDPStrategy:
    """Each process takes its device whatever its number, and only gradients travel: statistics need not."""
    return DDPStrategy(
        parallel_devices=[device.torch] * world.local_size,
        broadcast_buffers=False,
        gradient_as_bucket_view=True,
        find_unused_parameters=recipe.hold_epochs > 0 and recipe.initialise != "nothing",  # held parts have none
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence what Lightning tells of itself: its tips and the hardware, which `say` reports."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            logger.setLevel(level)


def _report_unreadable(unreadable: dict[str, str], say: Say) -> None:
    if unreadable:
        say(f"{len(unreadable)} unreadable images were skipped:")
        for path, cause in list(unreadable.items())[:20]:
            say(f"  {path}: {cause}")
