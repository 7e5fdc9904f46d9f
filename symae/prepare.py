"""What a training needs before anything is written: plan, data, model, loader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from symae import run as runs
from symae.batch_norm import synchronise
from symae.data import Dataset, TrainingLoader
from symae.device import Device
from symae.errors import RunError
from symae.progress import decoding_news
from symae.recipes import Recipe
from symae.request import Plan, Request, open_part, open_validation, resolve
from symae.start import draw_weights, measure_pixels, transfer
from symae.weights import Model, ModelCard, build

__all__ = ["Prepared", "prepare"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """All that is needed before anything is written."""

    plan: Plan
    training: Dataset
    validation: Dataset | None
    card: ModelCard
    model: Model
    loader: TrainingLoader


def prepare(request: Request, device: Device, say: Say) -> Prepared:
    """Read the data, draw or take the weights, and begin to load; writes nothing.

    Raises:
        InputError: data, recipe, run directory or weights are not as they must be.
    """
    plan, world = resolve(request), request.world
    recipe, seed = plan.recipe, plan.seed
    training, validation = open_part(recipe, plan.data, "train", seed), open_validation(recipe, plan.data, seed)
    if world.leads:
        _check_same_data(plan, training)
    card = _card(recipe, training, seed, plan.data)
    model = build(card)
    if plan.fresh:
        say(_start(model, plan, training))
    if recipe.sync_bn and not world.alone:
        synchronise(model, device.torch)
    return Prepared(plan, training, validation, card, model, _loader(plan, training, device, request, say))


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


def _loader(plan: Plan, training: Dataset, device: Device, request: Request, say: Say) -> TrainingLoader:
    recipe = plan.recipe
    return TrainingLoader(
        training,
        batch_size=recipe.batch_size,
        crop=recipe.crop,
        resize=recipe.resize,
        flip=recipe.flip,
        seed=plan.seed,
        repeats=recipe.repeats,
        device=device.torch,
        workers=request.workers,
        rank=request.world.rank,
        world_size=request.world.size,
        progress=decoding_news(say),
    )
