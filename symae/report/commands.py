"""The commands that run a row of a report, as recipes and results have it."""

from __future__ import annotations

import json
import shlex
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from symae.data import NAMES
from symae.recipes import Recipe
from symae.report.start import Start, own_changes, parse_start
from symae.results import Result

__all__ = ["How", "reproduce", "run", "script", "settings"]

How = Literal["evaluate", "probe", "restoration"]
RESULTS = "benchmarks/results.jsonl"
PROBE = "probe."  # begins the settings of a probe, which are no settings of the run


def run(recipe: Recipe, recipes: Mapping[str, Recipe], how: How = "evaluate") -> tuple[str, ...]:
    """The commands that train a recipe as it stands and measure it, pre-training first."""
    init, commands = _usual_source(recipe, recipes)
    commands.append(_train(recipe, {}, seed=0, init=init))
    return *commands, _measure(how, _directory(recipe.name, {}, 0), _images(recipe, how), _part(recipe), {})


def reproduce(result: Result, recipes: Mapping[str, Recipe], how: How = "evaluate") -> tuple[str, ...]:
    """The commands that measure a result once more, pre-training first."""
    if result.recipe not in recipes:
        return (_other(result),) if how == "restoration" else ()
    recipe, start = recipes[result.recipe], parse_start(result.start)
    changes = own_changes(result, recipes)
    if result.fold != recipe.fold:
        changes["fold"] = result.fold
    commands: list[str] = []
    init = None
    if start is not None:
        init, commands = _source(start, recipes)
        changes = {key: value for key, value in changes.items() if start.changes.get(key, ...) != value}
    others = result.unlabelled
    commands.append(_train(recipe, changes, seed=result.seed, init=init, start=result.start, unlabelled=others))
    out = _directory(recipe.name, changes, result.seed, f"{result.start}{others}")
    images = result.data if result.data.isidentifier() else _images(recipe, how)
    return *commands, _measure(how, out, images, result.part, result.changes)


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
    given = {key: value for key, value in changes.items() if not key.startswith(PROBE)}
    if "corruption.kind" in given:
        damage = {key: given.pop(key) for key in list(given) if key.startswith("corruption.")}
        given["corruption"] = {key.removeprefix("corruption."): value for key, value in damage.items()}
    return tuple(f"{key}={_plain(value)}" for key, value in given.items())


def _source(start: Start, recipes: Mapping[str, Recipe]) -> tuple[str, list[str]]:
    """The run to start from and the commands that make it; none for a file or a recipe that is gone.

    What that run began from in turn is not on record: it is taken to be what its recipe begins from.
    """
    if start.seed is None or start.recipe not in recipes:
        return start.recipe, []
    recipe = recipes[start.recipe]
    init, commands = _usual_source(recipe, recipes)
    commands.append(_train(recipe, start.changes, seed=start.seed, init=init))
    return _directory(start.recipe, start.changes, start.seed), commands


def _usual_source(recipe: Recipe, recipes: Mapping[str, Recipe]) -> tuple[str | None, list[str]]:
    """The run that a recipe starts from and the command that makes it, if there is one."""
    if recipe.pretrained_by not in recipes:
        return None, []
    return _directory(recipe.pretrained_by, {}, 0), [_train(recipes[recipe.pretrained_by], {}, seed=0)]


def _train(
    recipe: Recipe,
    changes: Mapping[str, Any],
    *,
    seed: int,
    init: str | None = None,
    start: str = "",
    unlabelled: str = "",
) -> str:
    named = recipe.data in NAMES
    words = ["symae", "train", recipe.name, "--data", recipe.data if named else "DATA"]
    words += ["--unlabelled", unlabelled] if unlabelled else []
    words += [] if init is None else ["--init", init]
    words += ["--out", _directory(recipe.name, changes, seed, f"{start}{unlabelled}")]
    words += ["--seed", str(seed)] if seed else []
    words += [word for setting in settings(changes) for word in ("--set", setting)]
    return shlex.join(words) + ("" if named else f"  # DATA: {recipe.data}")


def _measure(how: How, run: str, images: str, part: str, changes: Mapping[str, Any]) -> str:
    words = ["symae", how, run, "--data", images]
    if how == "evaluate":
        words += ["--part", part]
    if how == "probe":
        asked = {key: value for key, value in changes.items() if key.startswith(PROBE)}
        words += ["--out", "figure3"]
        words += [word for key, value in asked.items() for word in (f"--{key.removeprefix(PROBE)}", str(value))]
    return shlex.join([*words, "--record", RESULTS])


def _other(result: Result) -> str:
    """Measure a method of others."""
    words = ["python", "-m", "benchmarks.denoising", "--data", result.data, "--method", result.recipe]
    return shlex.join([*words, "--record", RESULTS])


def _directory(recipe: str, changes: Mapping[str, Any], seed: int, start: str = "") -> str:
    """A run directory of its own for each recipe, seed, changes and start."""
    own = {key: value for key, value in changes.items() if not key.startswith(PROBE)}
    plain = not own and (not start or start.endswith(", seed 0"))
    told = "" if plain else f"-{zlib.crc32(json.dumps([own, start]).encode()):08x}"
    return f"runs/{recipe}{told}" + (f"-seed{seed}" if seed else "")


def _images(recipe: Recipe, how: How) -> str:
    if how == "restoration":
        return "BSD68" if recipe.network.channels == 1 else "CBSD68"
    return recipe.data if recipe.data in NAMES else "DATA"


def _part(recipe: Recipe) -> str:
    return "validation" if "val/" in recipe.data and "test/" not in recipe.data else "test"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
