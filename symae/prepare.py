"""What a training needs before anything is written: plan, data, model, loader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from symae import run as runs
from symae.batch_norm import synchronise
from symae.data import Dataset, Loader, TrainingLoader, WithUnlabelled
from symae.data.dataset import digest
from symae.device import Device
from symae.errors import DataError, RunError
from symae.progress import decoding_news
from symae.randomness import derive_seed
from symae.recipes import Recipe
from symae.request import Plan, Request, open_part, open_unlabelled, open_validation, resolve
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
    unlabelled: Dataset | None
    card: ModelCard
    model: Model
    loader: Loader

    @property
    def fingerprint(self) -> str:
        """Of all images that are learnt from."""
        return _fingerprint(self.training, self.unlabelled)


def prepare(request: Request, device: Device, say: Say) -> Prepared:
    """Read the data, draw or take the weights, and begin to load; writes nothing.

    Raises:
        InputError: data, recipe, run directory or weights are not as they must be.
    """
    plan, world = resolve(request), request.world
    recipe, seed = plan.recipe, plan.seed
    training, validation = open_part(recipe, plan.data, "train", seed), open_validation(recipe, plan.data, seed)
    unlabelled = open_unlabelled(recipe, plan.data, plan.unlabelled, seed, validation)
    if world.leads:
        _check_same_data(plan, _fingerprint(training, unlabelled))
    card = _card(recipe, training, seed, plan.data)
    model = build(card)
    if plan.fresh:
        say(_start(model, plan, training))
    if recipe.sync_bn and not world.alone:
        synchronise(model, device.torch)
    loader = _loader(plan, training, unlabelled, device, request, say)
    return Prepared(plan, training, validation, unlabelled, card, model, loader)


def _fingerprint(training: Dataset, unlabelled: Dataset | None) -> str:
    return training.fingerprint() if unlabelled is None else digest([training.fingerprint(), unlabelled.fingerprint()])


def _check_same_data(plan: Plan, fingerprint: str) -> None:
    if plan.known is not None and plan.known.fingerprint != fingerprint:
        images = plan.data if plan.unlabelled is None else f"{plan.data} or {plan.unlabelled}"
        raise RunError(
            f"the images of {images} are not those that {plan.known.path} was started with: "
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


def _loader(
    plan: Plan, training: Dataset, unlabelled: Dataset | None, device: Device, request: Request, say: Say
) -> Loader:
    recipe = plan.recipe

    def load(images: Dataset, batch_size: int, seed: int, repeats: int) -> TrainingLoader:
        return TrainingLoader(
            images,
            batch_size=batch_size,
            crop=recipe.crop,
            resize=recipe.resize,
            flip=recipe.flip,
            seed=seed,
            repeats=repeats,
            device=device.torch,
            workers=request.workers,
            rank=request.world.rank,
            world_size=request.world.size,
            progress=decoding_news(say),
        )

    labelled = load(training, recipe.batch_size, plan.seed, recipe.repeats)
    if unlabelled is None:
        return labelled
    try:
        others = load(unlabelled, recipe.unlabelled, derive_seed(plan.seed, "unlabelled"), 1)
    except DataError as error:
        raise DataError(f"images without labels, unlabelled={recipe.unlabelled} a step: {error}") from error
    return WithUnlabelled(labelled, others, recipe.labels_first)
