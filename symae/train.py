"""Train a recipe: data, network and run directory in; weights, card and metrics out."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from symae import run as runs
from symae.checkpoint import Checkpoint
from symae.data import Dataset, TrainingLoader
from symae.device import Device, parse_device
from symae.errors import RunError
from symae.journal import Journal
from symae.module import Epochs, TrainingModule
from symae.progress import Progress, decoding_news
from symae.recipes import Recipe
from symae.request import Plan, Request, open_part, open_validation, resolve
from symae.run import Run
from symae.start import draw_weights, measure_pixels, transfer
from symae.validation import Validation
from symae.weights import Model, ModelCard, build

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
    """
    device = parse_device(request.device)
    plan = resolve(request)
    recipe, seed = plan.recipe, plan.seed
    training, validation = open_part(recipe, plan.data, "train", seed), open_validation(recipe, plan.data, seed)
    _check_same_data(plan, training)
    card = _card(recipe, training, seed, plan.data)
    model = build(card)
    if plan.fresh:
        say(_start(model, plan, training))
    loader = _loader(plan, training, device, request.workers, say)
    run = _enter(request.out, plan, training, device)
    say(f"{recipe.name}: {len(training)} images, {len(loader)} steps an epoch, on {device.describe()}")
    _fit(run, model, loader, Validation(run, card, validation, training), device, say)
    _report_unreadable(loader, say)
    return run


def _check_same_data(plan: Plan, training: Dataset) -> None:
    if plan.known is not None and plan.known.fingerprint != training.fingerprint():
        raise RunError(
            f"the images of {plan.data} are not those that {plan.known.path} was started with: "
            "restore them, or start a new run with --init"
        )


def _card(recipe: Recipe, training: Dataset, seed: int, data: str) -> ModelCard:
    return ModelCard(
        stage=recipe.stage,
        network=recipe.network,
        crop=recipe.crop,
        resize=recipe.resize,
        classes=training.classes if recipe.stage != "pretrain" else (),
        colours=training.colours if recipe.stage == "segment" else (),
        multi_label=recipe.multi_label,
        recipe=recipe.name,
        commit=runs.commit(),
        data=Path(data).name or data,
        seed=seed,
    )


def _start(model: Model, plan: Plan, training: Dataset) -> str:
    draw_weights(model, plan.recipe.fresh, plan.seed)
    if plan.init is not None:
        return f"from {plan.init}: {transfer(model, plan.init, plan.recipe)}"
    measure_pixels(model.encoder, training)
    return "all weights drawn anew"


def _loader(plan: Plan, training: Dataset, device: Device, workers: int, say: Say) -> TrainingLoader:
    recipe = plan.recipe
    return TrainingLoader(
        training,
        batch_size=recipe.batch_size,
        crop=recipe.crop,
        resize=recipe.resize,
        flip=recipe.flip,
        seed=plan.seed,
        device=device.torch,
        workers=workers,
        progress=decoding_news(say),
    )


def _enter(out: Path, plan: Plan, training: Dataset, device: Device) -> Run:
    if plan.known is None:
        run = Run(out, plan.recipe, plan.seed, plan.data, training.fingerprint(), plan.init)
        runs.create(run, device.describe())
    else:
        run = dataclasses.replace(plan.known, recipe=plan.recipe)
        run.update()
    return run


def _fit(run: Run, model: Model, loader: TrainingLoader, validation: Validation, device: Device, say: Say) -> None:
    module = TrainingModule(model.to(memory_format=torch.channels_last), run.recipe, run.seed)
    callbacks: list[Callback] = [
        validation,
        Journal(run, loader, validation, say),
        Checkpoint(run),
        Progress(len(loader), run.recipe.batch_size),
    ]
    with _quiet_lightning():
        trainer = Trainer(
            max_epochs=run.recipe.epochs,
            accelerator=device.accelerator,
            devices=device.indices,
            precision=run.recipe.precision,
            logger=TensorBoardLogger(run.path, name="", version="tensorboard"),
            callbacks=callbacks,
            default_root_dir=run.path,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        checkpoint = run.checkpoint if run.checkpoint.exists() else None
        trainer.fit(module, Epochs(loader, lambda: trainer.current_epoch), ckpt_path=checkpoint, weights_only=True)


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


def _report_unreadable(loader: TrainingLoader, say: Say) -> None:
    if loader.unreadable:
        say(f"{len(loader.unreadable)} unreadable images were skipped:")
        for path, cause in list(loader.unreadable.items())[:20]:
            say(f"  {path}: {cause}")
