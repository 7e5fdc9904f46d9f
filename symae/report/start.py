"""The run whose weights another run started from, read from the words that `symae.results` writes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symae.recipes import Recipe, flat

__all__ = ["Start", "own_changes", "parse_start"]

RUN = re.compile(r"(?P<recipe>[^,]*), seed (?P<seed>\d+)(?P<changes>(?:, .*)?)", re.DOTALL)
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


def own_changes(changes: Mapping[str, Any], start: Start | None, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    """Leave out of a run's changes what came with its weights because their recipe has it: kinds of shortcuts, say."""
    if start is None or start.recipe not in recipes:
        return dict(changes)
    brought = {key: value for key, value in flat(recipes[start.recipe]).items() if key.startswith("network.")}
    return {
        key: value
        for key, value in changes.items()
        if key not in brought or key in start.changes or json.dumps(brought[key]) != json.dumps(value)
    }


def _value(told: str) -> Any:
    try:
        return ast.literal_eval(told)
    except (SyntaxError, ValueError):  # plain text is written without quotes
        return told
