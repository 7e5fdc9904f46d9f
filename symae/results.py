"""What was measured, a line of JSON each: every evaluation can append one, and `symae report` reads them all."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from symae.errors import DataError, first_wrong
from symae.recipes import RECIPES, Recipe, flat
from symae.run import RECIPE, is_run, open_run

__all__ = ["Result", "append_result", "changes", "origin", "read_results", "result_of"]

# What `changes` passes over. A fold is no change either: like a seed it is one of the runs that a row consists of.
UNTOLD = ("name", "summary", "reported", "deviations", "not_stated", "fold")


@dataclass(frozen=True)
class Result:
    """One measurement, and all that its numbers depend on.

    Attributes:
        recipe: what was measured: a recipe's name, or a method's of others, such as "bm3d".
        values: by name, e.g. {"accuracy": 80.2}; per cent or dB, see `symae.metrics`.
        data: what it was measured on, e.g. "CIFAR-10, JPEG".
        part: of the data: "train", "validation" or "test".
        seed: of the training, or of the damage where nothing was trained.
        commit: of symae's source, with "+" if it was changed.
        device: where it was trained, or measured where nothing was trained.
        network: its name and width; empty for methods without one.
        epochs, labels, fold: of the training; None where they do not apply.
        start: the recipe, seed and changes of the run whose weights it started from; empty: none.
        unlabelled: the images that it learnt from without labels, where they are not those of the labelled data; empty:
            none but those.
        changes: the settings in which the run departs from the recipe of its name, "key" -> value.
        training_seconds: without validation; None where nothing was trained.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")  # of what is read

    recipe: str
    values: Mapping[str, float]
    data: str
    part: str
    seed: int
    commit: str
    device: str
    network: str = ""
    epochs: int | None = None
    labels: int | None = None
    fold: int | None = None
    start: str = ""
    unlabelled: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    training_seconds: float | None = None


def result_of(path: Path, data: str, part: str, values: Mapping[str, float]) -> Result:
    """Describe what was measured on a run.

    Args:
        path: the run directory.
        data: what it was measured on; its last part names it.
        part: of the data.
        values: by name, as `symae.assess.assess` gives them.

    Raises:
        RunError: no run is there, or it is damaged.
    """
    run = open_run(path)
    stored = json.loads((path / RECIPE).read_text())
    with run.metrics.open(newline="") as rows:
        seconds = sum(float(row["seconds"]) for row in csv.DictReader(rows))
    return Result(
        recipe=run.recipe.name,
        values=dict(values),
        data=Path(data).name,
        part=part,
        seed=run.seed,
        commit=stored["commit"],
        device=stored["device"],
        network=f"{run.recipe.network.name} x {run.recipe.network.width:g}",
        epochs=run.recipe.epochs,
        labels=run.recipe.labels,
        fold=run.recipe.fold,
        start=origin(run.init) if run.start is None else run.start,
        unlabelled="" if run.unlabelled is None else Path(run.unlabelled).name,
        changes=changes(run.recipe),
        training_seconds=round(seconds, 1),
    )


def changes(recipe: Recipe) -> dict[str, Any]:
    """The settings in which a recipe departs from the one of its name; all of them where that is gone."""
    known = RECIPES.get(recipe.name)
    before = {} if known is None else flat(known)
    return {
        key: value
        for key, value in flat(recipe).items()
        if key.split(".")[0] not in UNTOLD and before.get(key) != value
    }


def origin(init: Path | None) -> str:
    """What weights to start from are: recipe, seed and changes of a run; else the name of the file; empty for None."""
    if init is None or not is_run(init):
        return "" if init is None else init.name
    run = open_run(init)
    told = "".join(f", {key}={value}" for key, value in changes(run.recipe).items())
    return f"{run.recipe.name}, seed {run.seed}{told}"


def append_result(file: Path, result: Result) -> None:
    """Append a line; the file is made if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lines:
        lines.write(json.dumps(dataclasses.asdict(result)) + "\n")


_ADAPTER = TypeAdapter(Result)


def read_results(file: Path) -> Iterator[Result]:
    """Read what `append_result` wrote, line by line.

    Raises:
        DataError: the file does not exist, or a line is not a result; its number is named.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist: `symae evaluate RUN --record {file}` makes it")
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            yield _ADAPTER.validate_json(line)
        except ValidationError as error:
            raise DataError(f"{file}, line {number} is not a result: {first_wrong(error)}") from error
