"""The commands that run a row of a report, as recipes and results have it."""

from __future__ import annotations

import json
import shlex
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from symae.data import NAMES
from symae.recipes import Recipe
from symae.report.start import Start, parse_start
from symae.results import Result

__all__ = ["probe_commands", "reproduce", "run", "script", "settings"]

RESULTS = "benchmarks/results.jsonl"


def run(recipe: Recipe, recipes: Mapping[str, Recipe]) -> tuple[str, ...]:
    """The commands that measure a recipe as it stands, pre-training first."""
    commands, init = [], None
    if recipe.pretrained_by:
        before = recipes.get(recipe.pretrained_by, recipe)
        init = _directory(recipe.pretrained_by, {}, 0)
        commands.append(_train(before, {}, seed=0))
    commands.append(_train(recipe, {}, seed=0, init=init))
    return *commands, _evaluate(_directory(recipe.name, {}, 0), _data(recipe), "test")


def reproduce(result: Result, recipes: Mapping[str, Recipe]) -> tuple[str, ...]:
    """The commands that measure a result once more, pre-training first; none for a method without a recipe."""
    if result.recipe not in recipes:
        return ()
    recipe, start = recipes[result.recipe], parse_start(result.start)
    changes = dict(result.changes)
    commands, init = [], None
    if start is not None:
        init, before = _source(start, recipes)
        commands += before
        changes = {key: value for key, value in changes.items() if start.changes.get(key, ...) != value}
    commands.append(_train(recipe, changes, seed=result.seed, init=init, start=result.start))
    out = _directory(result.recipe, changes, result.seed, result.start)
    return *commands, _evaluate(out, _measured_on(result, recipe), result.part)


def probe_commands(recipe: Recipe, recipes: Mapping[str, Recipe]) -> tuple[str, ...]:
    """The commands that train a recipe as it stands and probe each of its layers (figure 3)."""
    *training, _ = run(recipe, recipes)
    probe = ["symae", "probe", _directory(recipe.name, {}, 0), "--data", _data(recipe), "--record", RESULTS]
    return *training, shlex.join(probe)


def script(parts: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """Join titled commands into one shell script, in which none stands twice."""
    lines: dict[str, None] = {}
    for title, commands in parts:
        new = [line for line in commands if line not in lines]
        lines.update(dict.fromkeys([f"# {title}", *new] if new else []))
    return tuple(lines)


def settings(changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Write changes as `--set` takes them.

    A damage of another kind has other values, so it is set as a whole.
    """
    given = dict(changes)
    if "corruption.kind" in given:
        damage = {key: given.pop(key) for key in list(given) if key.startswith("corruption.")}
        given["corruption"] = {key.removeprefix("corruption."): value for key, value in damage.items()}
    return tuple(f"{key}={_plain(value)}" for key, value in given.items())


def _source(start: Start, recipes: Mapping[str, Recipe]) -> tuple[str, list[str]]:
    """The run to start from and the command that makes it; no command for a file or a recipe that is gone."""
    if start.seed is None or start.recipe not in recipes:
        return start.recipe, []
    command = _train(recipes[start.recipe], start.changes, seed=start.seed)
    return _directory(start.recipe, start.changes, start.seed), [command]


def _train(recipe: Recipe, changes: Mapping[str, Any], *, seed: int, init: str | None = None, start: str = "") -> str:
    words = ["symae", "train", recipe.name, "--data", _data(recipe)]
    words += [] if init is None else ["--init", init]
    words += ["--out", _directory(recipe.name, changes, seed, start)]
    words += ["--seed", str(seed)] if seed else []
    return shlex.join(words + [word for setting in settings(changes) for word in ("--set", setting)])


def _evaluate(run: str, data: str, part: str) -> str:
    return shlex.join(["symae", "evaluate", run, "--data", data, "--part", part, "--record", RESULTS])


def _directory(recipe: str, changes: Mapping[str, Any], seed: int, start: str = "") -> str:
    """A run directory of its own for each recipe, seed, changes and start."""
    plain = not changes and (not start or start.endswith(", seed 0"))
    told = "" if plain else f"-{zlib.crc32(json.dumps([dict(changes), start]).encode()):08x}"
    return f"runs/{recipe}{told}" + (f"-seed{seed}" if seed else "")


def _data(recipe: Recipe) -> str:
    return recipe.data if recipe.data in NAMES else "DATA"


def _measured_on(result: Result, recipe: Recipe) -> str:
    return result.data if result.data.isidentifier() else _data(recipe)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
