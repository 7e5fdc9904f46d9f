"""Which lines of the results are repetitions of each other, and their mean and spread."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from symae.recipes import Recipe, flat
from symae.report.start import Start, own_changes, parse_start
from symae.results import Result

__all__ = ["Group", "Statistic", "collect"]

SCALED = ("milestones", "hold_epochs", "labels_first", "warmup")  # are in epochs


@dataclass(frozen=True)
class Statistic:
    """Mean and sample standard deviation (n - 1) of n values; the latter None for one value."""

    mean: float
    deviation: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Statistic:
        """Summarise at least one value."""
        kept = list(values)
        return cls(statistics.fmean(kept), statistics.stdev(kept) if len(kept) > 1 else None, len(kept))


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seeds and folds alone.

    Attributes:
        recipe: of the runs, or a method of others.
        changes: the settings in which the runs depart from it, those without influence on the numbers left out.
        start: where their weights came from, its seed left out; None: fresh weights.
        usual: fresh weights, or those of the recipe that this one starts from.
        implied: those of the changes, and of the changes of `start`, that go with the number of epochs in proportion.
        whole: to be told with all its changes, since another group would read alike.
        full: measured exactly as the recipe and the one that it starts from stand.
        data, part: measured on.
        device: "CPU", "GPU" or empty.
        runs: in the order of the file.
    """

    recipe: str
    changes: Mapping[str, Any]
    start: Start | None
    usual: bool
    implied: tuple[frozenset[str], frozenset[str]]
    full: bool
    data: str
    part: str
    device: str
    runs: tuple[Result, ...]
    whole: bool = False

    @property
    def kind(self) -> Literal["full", "changed"]:
        """How its row and its bar are marked."""
        return "full" if self.full else "changed"

    def measured(self, metric: str) -> tuple[Result, ...]:
        """The runs with a number for a metric; of a run that was measured twice, the last line."""
        last = {(run.seed, run.fold, run.start): run for run in self.runs if _is_number(run.values.get(metric))}
        return tuple(last.values())

    def statistic(self, metric: str) -> Statistic | None:
        """Summarise a metric over seeds and folds; None: not measured."""
        values = [run.values[metric] for run in self.measured(metric)]
        return Statistic.of(values) if values else None

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all that was measured, in the order of the file."""
        return tuple(dict.fromkeys(name for run in self.runs for name in run.values))


def collect(results: Iterable[Result], recipes: Mapping[str, Recipe]) -> tuple[Group, ...]:
    """Put repetitions together.

    Args:
        results: in any order.
        recipes: by name, as they stand now; a result of another name is one of a method.

    Returns:
        The groups: those at full size first, test images before others, wide and long before narrow and short.
    """
    found: dict[str, Group] = {}
    for result in results:
        group = _alone(result, recipes)
        key = _key(group)
        before = found[key].runs if key in found else ()
        found[key] = dataclasses.replace(group, runs=(*before, result))
    return tuple(sorted(found.values(), key=_order))


def _alone(result: Result, recipes: Mapping[str, Recipe]) -> Group:
    recipe, start = recipes.get(result.recipe), parse_start(result.start)
    changes = _settled(result, recipe, own_changes(result, recipes))
    usual = start is None or (start.seed is not None and (recipe is None or start.recipe == recipe.pretrained_by))
    before = _implied(start.changes, recipes.get(start.recipe)) if start is not None else frozenset[str]()
    return Group(
        recipe=result.recipe,
        changes=changes,
        start=None if start is None else dataclasses.replace(start, seed=None),
        usual=usual,
        implied=(_implied(changes, recipe), before),
        full=not changes and usual and (start is None or not start.changes),
        data=result.data,
        part=result.part,
        device=_device_class(result.device),
        runs=(result,),
    )


def _settled(result: Result, recipe: Recipe | None, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes that a number depends on, apart from seed and fold."""
    if result.fold is not None:
        changes.pop("fold", None)
    if recipe is None:
        return changes
    if changes.get("keep", recipe.keep) == "last":
        changes.pop("validate_every", None)  # nothing is chosen by it then
    scale = _scale(changes, recipe)
    if scale is not None:  # what stayed as it was is a change, then; but a warm-up may be as long as ever
        plain = flat(recipe)
        kept = {key: plain[key] for key in SCALED if key not in changes and key != "warmup"}
        changes.update({key: value for key, value in kept.items() if not _near(value, value, scale)})
    for name in ("epochs", "labels"):  # a recipe may have been rewritten since
        if name not in changes and result.epochs is not None and getattr(result, name) != getattr(recipe, name):
            changes[name] = getattr(result, name)
    return changes


def _implied(changes: Mapping[str, Any], recipe: Recipe | None) -> frozenset[str]:
    """Which changes of epochs are those of the recipe in proportion to its length, rounded."""
    scale = None if recipe is None else _scale(changes, recipe)
    if recipe is None or scale is None:
        return frozenset()
    plain = flat(recipe)
    return frozenset(key for key in SCALED if key in changes and _near(changes[key], plain[key], scale))


def _scale(changes: Mapping[str, Any], recipe: Recipe) -> float | None:
    """Epochs over those of the recipe; None: no change of them, or nothing that is a number, in a record by hand."""
    epochs = _number(changes.get("epochs"))
    return None if epochs is None else epochs / recipe.epochs


def _near(value: Any, usual: Any, scale: float) -> bool:
    own, plain = (each if isinstance(each, list) else [each] for each in (value, usual))
    return len(own) == len(plain) and all(_rounds(b * scale, a) for a, b in zip(own, plain, strict=True))


def _rounds(exact: float, value: float) -> bool:
    """Whether an integer is next to the exact one, or another number within a tenth; zero is zero alone."""
    if not _is_number(value) or not value or not exact:
        return bool(value == exact)
    return abs(value - exact) < 1 if isinstance(value, int) else abs(value - exact) < 0.1 * exact


def _key(group: Group) -> str:
    start = group.start and (dataclasses.asdict(group.start), group.usual)
    whole = (group.recipe, dict(group.changes), start, group.data, group.runs[0].unlabelled)
    return json.dumps((*whole, group.part, group.device, group.runs[0].fold is None), sort_keys=True, default=str)


def _order(group: Group) -> tuple[Any, ...]:
    size = -(_number(group.changes.get("network.width")) or 1.0), -(group.runs[0].epochs or 0)
    return not group.full, group.part != "test", *size, group.data, group.device


def _device_class(device: str) -> str:
    return "" if not device else "CPU" if "cpu" in device.lower() else "GPU"


def _is_number(value: Any) -> bool:
    return _number(value) is not None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
