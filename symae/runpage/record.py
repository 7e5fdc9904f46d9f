"""All that is known of a run, read from its directory: older runs know less, damaged files cost what they held."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from symae.class_scores import ClassScores, read_scores
from symae.recipes import RECIPES, Recipe, flat
from symae.results import UNTOLD
from symae.run import RECIPE, Run, open_run
from symae.runpage.sessions import Session, read_sessions
from symae.runpage.strip import Strip, read_strip
from symae.runpage.table import Metrics, read_metrics

__all__ = ["Record", "Setting", "State", "read_record"]

State = Literal["finished", "training", "interrupted", "failed", "unfinished"]


@dataclass(frozen=True)
class Setting:
    """One value of a resolved recipe, and what the recipe of that name has; None: no such key there."""

    key: str
    value: str
    base: str | None

    @property
    def changed(self) -> bool:
        """Whether the two differ."""
        return self.value != self.base


@dataclass(frozen=True)
class Record:
    """A run and what it has left.

    Attributes:
        run: as recipe.json has it.
        origin: the other values of recipe.json: commit, versions, device.
        metrics: by epoch.
        sessions: its starts; empty for older runs.
        strip: pictures over time; None for older runs.
        classes: scores of each class; None where there are none.
        parameters: number of weights, without BN's statistics and what is fixed; None without weights.
        known: whether there is still a recipe of its name to compare with.
    """

    run: Run
    origin: Mapping[str, Any]
    metrics: Metrics
    sessions: tuple[Session, ...] = ()
    strip: Strip | None = None
    classes: ClassScores | None = None
    parameters: int | None = None

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.run.path.resolve().name

    @property
    def known(self) -> bool:
        """Whether there is still a recipe of its name to compare with."""
        return self.run.recipe.name in RECIPES

    @property
    def state(self) -> State:
        """How it stands; "unfinished" is an older run of which nobody knows whether it is still at work."""
        if self.sessions:
            return self.sessions[-1].outcome
        return "finished" if self.metrics.epochs >= self.run.recipe.epochs else "unfinished"

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The resolved recipe, value by value."""
        values = _written(self.run.recipe)
        base = _written(RECIPES[self.run.recipe.name]) if self.known else values
        return tuple(Setting(key, value, base.get(key)) for key, value in values.items())


_UNTOLD = tuple(key for key in UNTOLD if key != "fold")


def read_record(path: Path) -> Record:
    """Read a run directory; changes nothing in it.

    Raises:
        RunError: it is no run directory, or its recipe.json is damaged.
    """
    run = open_run(path)
    origin = json.loads((path / RECIPE).read_text())
    return Record(
        run,
        {key: origin.get(key) for key in ("commit", "versions", "device")},
        read_metrics(run.metrics),
        read_sessions(path),
        read_strip(path),
        read_scores(path),
        _parameters(run.weights),
    )


def _parameters(weights: Path) -> int | None:
    fixed = ("running_mean", "running_var", "num_batches_tracked", "encoder.mean", "encoder.std")
    try:
        with safe_open(weights, framework="numpy") as tensors:
            names = [name for name in tensors.keys() if not name.endswith(fixed)]  # noqa: SIM118 - not a mapping
            return sum(int(math.prod(tensors.get_slice(name).get_shape())) for name in names)
    except (OSError, SafetensorError):
        return None


def _written(recipe: Recipe) -> dict[str, str]:
    told = {key: value for key, value in flat(recipe).items() if key.split(".")[0] not in _UNTOLD}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
