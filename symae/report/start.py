"""The run whose weights another run started from, read from the words that `symae.results` writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Start", "parse_start"]

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


def _value(told: str) -> Any:
    try:
        return ast.literal_eval(told)
    except (SyntaxError, ValueError):  # plain text is written without quotes
        return told
