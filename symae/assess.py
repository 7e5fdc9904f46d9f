"""Measure a finished run: its weights, on one part of its own or of other data."""

from __future__ import annotations

from pathlib import Path

from symae.data import Part
from symae.device import parse_device
from symae.errors import DataError
from symae.evaluate import evaluate
from symae.request import open_part
from symae.run import open_run
from symae.weights import load

__all__ = ["assess"]


def assess(path: Path, *, data: str | None, part: Part, seed: int, device: str) -> dict[str, float]:
    """Load the weights of a run and measure them.

    Args:
        path: the run directory.
        data: what to measure on; None: the data that the run was trained on.
        part: which of its images.
        seed: of the damage and of random crops.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Returns:
        The metrics of the run's stage, by name; see `symae.evaluate.evaluate`.

    Raises:
        RunError: the run has no weights.
        DataError: no such data, or its classes are not those of the run.
    """
    target = parse_device(device)
    run = open_run(path)
    model, card = load(path)
    dataset = open_part(run.recipe, data or run.data, part, run.seed)
    if dataset.classes != card.classes and card.classes:
        raise DataError(
            f"the classes of {dataset.name} are {_some(dataset.classes)}, those of {path} {_some(card.classes)}: "
            "they must be the same, in the same order"
        )
    return evaluate(model.to(target.torch), run.recipe, dataset, device=target.torch, seed=seed)


def _some(classes: tuple[str, ...]) -> str:
    return f"{len(classes)} ({', '.join(classes[:4])}{', ...' if len(classes) > 4 else ''})"
