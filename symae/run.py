"""The run directory: created once, never overwritten in silence, continued with `--resume`.

recipe.json         the resolved recipe, seed, data and its fingerprint, versions, commit
last.ckpt           all that is needed to continue
model.safetensors   weights and their card, for `--init` and export
metrics.csv         a row for each epoch
preview.png         what the model does to held-out images
classes.json        of a classifier or segmenter, how good it is at each class
previews/           the same pictures after some of the epochs
sessions.json       when, where and how it was trained
report.html         a page of all this
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from serve.files import appears_whole
from symae.errors import RecipeError, RunError
from symae.recipes import Recipe, from_dict, to_dict
from symae.weights import WEIGHTS

__all__ = ["Run", "commit", "create", "is_run", "open_run", "versions"]

RECIPE = "recipe.json"
VERSIONS = ("symae", "torch", "torchvision", "lightning", "numpy")


@dataclass(frozen=True)
class Run:
    """A run directory and what it was started with.

    Attributes:
        path: the directory.
        recipe: resolved, with all settings applied.
        seed: of weights, order, crops and corruption.
        data: what was given as `--data`.
        fingerprint: of the training images, with and without labels; a changed folder is noticed on resume.
        init: the run or weights that it started from; None: fresh weights.
        start: what they were, as `symae.results.origin` tells it, kept here since they may be gone later; None in a
            run of before this was kept.
        unlabelled: what was given as `--unlabelled`; None: nothing.
    """

    path: Path
    recipe: Recipe
    seed: int
    data: str
    fingerprint: str
    init: Path | None = None
    start: str | None = None
    unlabelled: str | None = None

    def __fspath__(self) -> str:  # a run can be given wherever its path can
        return str(self.path)

    @property
    def checkpoint(self) -> Path:
        """The state to resume from; absent until the first epoch has ended or training was interrupted."""
        return self.path / "last.ckpt"

    @property
    def weights(self) -> Path:
        """The weights for `--init` and export."""
        return self.path / WEIGHTS

    @property
    def metrics(self) -> Path:
        """The table of metrics, a row for each epoch."""
        return self.path / "metrics.csv"

    @property
    def preview(self) -> Path:
        """The picture of the last validation."""
        return self.path / "preview.png"

    @property
    def page(self) -> Path:
        """All this to be read in a browser."""
        return self.path / "report.html"

    def update(self) -> None:
        """Write another number of epochs into recipe.json; where the run comes from stays as it is."""
        values = json.loads((self.path / RECIPE).read_text())
        _write(self.path, {**values, "recipe": to_dict(self.recipe)})


def create(run: Run, device: str = "") -> None:
    """Make a run's directory and write its recipe.json, with the device's name.

    Raises:
        RunError: the directory exists and holds something, or cannot be made.
    """
    path = run.path
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(
            f"{path} exists already: choose another --out, continue it with --resume, or delete it to start again"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise RunError(f"{path} cannot be made a run directory: {error.strerror}") from error
    _write(
        path,
        {
            "recipe": to_dict(run.recipe),
            "seed": run.seed,
            "data": run.data,
            "unlabelled": run.unlabelled,
            "fingerprint": run.fingerprint,
            "init": None if run.init is None else str(run.init),
            "start": run.start,
            "commit": commit(),
            "versions": versions(),
            "device": device,
        },
    )


def is_run(path: Path) -> bool:
    """Whether a directory has been made a run directory."""
    return (path / RECIPE).is_file()


def open_run(path: Path) -> Run:
    """Read a run directory's recipe.json.

    Raises:
        RunError: there is none, or it is damaged or of another version.
    """
    file = path / RECIPE
    if not is_run(path):
        raise RunError(f"{path} is no run directory: it has no {RECIPE}; `symae train` makes one with --out")
    try:
        values: Mapping[str, Any] = json.loads(file.read_text())
        recipe = from_dict(values["recipe"])
        init = None if values["init"] is None else Path(values["init"])
        start, unlabelled = values.get("start"), values.get("unlabelled")
        return Run(path, recipe, values["seed"], values["data"], values["fingerprint"], init, start, unlabelled)
    except (ValueError, KeyError, TypeError, RecipeError) as error:
        raise RunError(f"{file} is damaged or of another version of symae: {error}") from error


def commit() -> str:
    """The checked-out commit of symae's source, with "+" if it was changed; empty for an installed copy."""
    source = Path(__file__)

    def git(*command: str) -> str:
        done = subprocess.run(["git", *command], cwd=source.parent, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if not git("ls-files", source.name):  # a copy installed inside somebody else's repository
            return ""
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except OSError:  # git is not installed
        return ""


def versions() -> dict[str, str]:
    """Versions of Python and of what results depend on; empty for what is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in VERSIONS}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # symae itself, run from a checkout: its commit tells
        return ""


def _write(path: Path, values: Mapping[str, Any]) -> None:
    with appears_whole(path / RECIPE) as file:
        file.write_text(json.dumps(values, indent=2) + "\n")
