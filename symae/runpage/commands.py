"""The commands that repeat a run, go on with it, and use it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from symae.data import NAMES
from symae.recipes import RECIPES, flat
from symae.report.commands import settings
from symae.results import changes
from symae.run import is_run, open_run
from symae.runpage.record import Record

__all__ = ["follow_up", "repeat", "resume"]


def repeat(record: Record) -> tuple[str, ...]:
    """What trains the same once more, beside this run, with the source that it was trained with."""
    run = record.run
    words = ["symae", "train", run.recipe.name, "--data", run.data]
    words += [] if run.unlabelled is None else ["--unlabelled", run.unlabelled]
    words += [] if run.init is None else ["--init", str(run.init)]
    words += ["--out", f"{run.path}-again", "--seed", str(run.seed)]
    words += [word for setting in settings(_changes(record)) for word in ("--set", setting)]
    commit = str(record.origin.get("commit") or "")
    first = [f"git checkout {commit}"] if commit and not commit.endswith("+") else []
    return *first, shlex.join([*words, *_options(record)])


def resume(record: Record) -> str:
    """What goes on with the run."""
    words = ["symae", "train", record.run.recipe.name, "--out", str(record.run.path), "--resume"]
    return shlex.join([*words, *_options(record)])


def follow_up(record: Record) -> tuple[tuple[str, str], ...]:
    """What to do with the run now: (words, command)."""
    path, known = str(record.run.path), record.sessions[-1] if record.sessions else None
    other = ["--data", "HELD_OUT/"] if known is not None and not known.held_out else []
    found = [("measure it on test images", ["symae", "evaluate", path, *other])]
    if record.run.recipe.stage == "pretrain":
        tuned = next((r for r in RECIPES.values() if r.pretrained_by == record.run.recipe.name), RECIPES["classify"])
        data = [] if tuned.data in NAMES else ["--data", "LABELLED/"]
        command = ["symae", "train", tuned.name, *data, "--init", path, "--out", f"{path}-{tuned.name}"]
        found.append(("fine-tune it with few labels", command))
    found += [
        ("export it to ONNX, verified", ["symae", "export", path, "--repository", "models/"]),
        ("serve what was exported", ["symae", "serve", "models/"]),
        ("set it beside another run", ["symae", "compare", path, "OTHER_RUN"]),
    ]
    return tuple((words, shlex.join(command)) for words, command in found)


def _changes(record: Record) -> dict[str, object]:
    """The settings to be given; what comes with the weights that the run starts from is not."""
    run = record.run
    given = changes(run.recipe)
    if run.recipe.fold != getattr(RECIPES.get(run.recipe.name), "fold", None):
        given["fold"] = run.recipe.fold
    if run.init is not None and is_run(run.init):
        source = flat(open_run(run.init).recipe)
        adopted = [key for key in given if key.startswith("network.") and source.get(key) == given[key]]
        return {key: value for key, value in given.items() if key not in adopted}
    return given


def _options(record: Record) -> Sequence[str]:
    return record.sessions[-1].options if record.sessions else ()
