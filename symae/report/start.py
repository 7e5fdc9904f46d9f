"""The run whose weights another run started from, read from the words that `symae.results` writes."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symae.recipes import Recipe, flat
from symae.results import Result

__all__ = ["Start", "own_changes", "parse_start"]

RUN = re.compile(r"(?P<recipe>[^,]*), seed (?P<seed>\d+)(?P<changes>(?:, .*)?)", re.DOTALL)
NETWORK = "network."
BETWEEN = re.compile(r", (?=[A-Za-z_][\w.]*=)")  # not the commas within a value, such as "milestones=[5, 7]"


@dataclass(frozen=True)
class Start:
    """Where weights came from.

    Attributes:
        recipe: of the run; the name of a file that is no run.
        seed: of the run; None for a file.
        changes: the settings in which the run departs from its recipe.
    """

    recipe: str
    seed: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


def parse_start(text: str) -> Start | None:
    """Read `Result.start`, e.g. "table2-pretrain, seed 0, network.width=0.25, milestones=[5, 7]"; None: no weights."""
    if not text:
        return None
    found = RUN.fullmatch(text)
    if found is None:
        return Start(text)
    settings = (part.partition("=") for part in BETWEEN.split(found["changes"])[1:])
    return Start(found["recipe"], int(found["seed"]), {key: _value(told) for key, _, told in settings})


def own_changes(result: Result, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    """In what a run departs from its recipe, as that is with the weights of the recipe that it started from.

    Weights bring a network with them, see `NetworkSpec.adopting`: what the other recipe has, such as another kind of
    shortcuts, is no departure; to have gone back on it is one.
    """
    recipe, start = recipes.get(result.recipe), parse_start(result.start)
    if recipe is None or start is None or start.seed is None or start.recipe not in recipes:
        return dict(result.changes)
    meant = dataclasses.replace(recipe, network=recipe.network.adopting(recipes[start.recipe].network))
    before, own = _network(meant), {**_network(recipe), **result.changes}
    return {
        key: value
        for key, value in own.items()
        if not key.startswith(NETWORK) or json.dumps(before.get(key)) != json.dumps(value)
    }


def _network(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in flat(recipe).items() if key.startswith(NETWORK)}


def _value(told: str) -> Any:
    try:
        value = ast.literal_eval(told)
        return list(value) if isinstance(value, tuple) else value
    except (SyntaxError, ValueError):  # plain text is written without quotes
        return told
