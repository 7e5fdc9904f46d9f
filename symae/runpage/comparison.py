"""What differs between runs: settings, origins, results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from symae.report.collect import Statistic
from symae.report.words import measured
from symae.runpage.curves import SEEN, named
from symae.runpage.facts import Facts, facts_of
from symae.runpage.record import Record, read_record
from symae.runpage.strip import FOLDER
from symae.runpage.words import NONE, amount, duration, kept_value

__all__ = ["Comparison", "Line", "compare_runs", "first_strip"]

CHANCE = {"seed", "commit of symae", "device"}  # runs that differ in nothing else are repetitions of each other


@dataclass(frozen=True)
class Line:
    """One amount or setting of all runs.

    Attributes:
        name: what it is.
        cells: one a run, in words.
        best: numbers of the runs that are best in it; empty where nothing is better than another.
        summary: mean and standard deviation, where the runs are repetitions; else empty.
    """

    name: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()
    summary: str = ""


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        records, facts, labels: one a run; labels are short, and no two are the same.
        differences: settings and origins in which the runs differ.
        results: what was measured, what it took.
        notes: what to know before comparing.
        comparable: whether the runs were measured on the same task and pictures, as far as their files tell.
    """

    records: tuple[Record, ...]
    facts: tuple[Facts, ...]
    labels: tuple[str, ...]
    differences: tuple[Line, ...]
    results: tuple[Line, ...]
    notes: tuple[str, ...]
    comparable: bool

    @property
    def repeated(self) -> bool:
        """Whether the runs are repetitions of each other."""
        return len(self.records) > 1 and {line.name for line in self.differences} <= CHANCE


def compare_runs(paths: Sequence[Path]) -> Comparison:
    """Read runs and find what differs.

    Raises:
        RunError: one of them is no run directory.
    """
    records = tuple(read_record(path) for path in paths)
    facts = tuple(facts_of(record) for record in records)
    differences = tuple(line for line in _settings(records) if len(set(line.cells)) > 1)
    apart = _measured_apart(records)
    found = Comparison(records, facts, _labels(paths), differences, (), (*apart, *_trained_apart(records)), not apart)
    return replace(found, results=_results(found))


def _labels(paths: Sequence[Path]) -> tuple[str, ...]:
    """The names of the directories, with as many of their parents as tell them apart."""
    whole = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, whole)) + 1):
        labels = tuple("/".join(parts[-count:]) for parts in whole)
        if len(set(labels)) == len(set(whole)):
            return labels
    raise AssertionError


def _settings(records: Sequence[Record]) -> list[Line]:
    told = [{setting.key: setting.value for setting in record.settings} for record in records]
    origins = [_origin(record) for record in records]
    values = [{**origin, **settings} for origin, settings in zip(origins, told, strict=True)]
    names = dict.fromkeys(name for value in values for name in value)
    return [Line(name, tuple(value.get(name, NONE) for value in values)) for name in names]


def _origin(record: Record) -> dict[str, str]:
    run, last = record.run, record.sessions[-1] if record.sessions else None
    return {
        "recipe": run.recipe.name,
        "data": run.data,
        "data without labels": NONE if run.unlabelled is None else run.unlabelled,
        "starts from": NONE if run.init is None else str(run.init),
        "seed": str(run.seed),
        "device": str((last.device if last else "") or record.origin.get("device") or NONE),
        "commit of symae": str((last.commit if last else "") or record.origin.get("commit") or NONE),
    }


def _results(found: Comparison) -> tuple[Line, ...]:
    records, facts = found.records, found.facts
    names = dict.fromkeys(name for record in records for name in record.metrics.measured)
    measured_lines = []
    for name in names:
        if name.removeprefix(SEEN) != "psnr_input":
            write = "{:.4f}" if name.endswith("ssim") else "{:.2f}"
            values = [_kept(record, name) for record in records]
            measured_lines.append(_numbers(found, named(name), values, write.format, better=max))
    losses = [record.metrics.last("loss") for record in records]
    return (
        Line("state", tuple(record.state for record in records)),
        Line("epochs", tuple(f"{record.metrics.epochs} of {record.run.recipe.epochs}" for record in records)),
        *measured_lines,
        _numbers(found, "training loss", losses, lambda value: f"{value:.4g}"),
        _numbers(found, "images/s, median epoch", [fact.usual_rate for fact in facts], lambda v: f"{v:,.0f}"),
        _numbers(found, "waited for data", [fact.waited for fact in facts], lambda value: f"{value:.1%}"),
        _numbers(found, "training", [fact.training for fact in facts], duration),
        _numbers(found, "device hours", [fact.device_hours for fact in facts], lambda value: f"{value:.3g}"),
        _numbers(found, "images seen", [float(fact.images) for fact in facts], lambda value: f"{value:,.0f}"),
        _numbers(found, "FLOP, estimated", [float(fact.flops) for fact in facts], amount),
        _numbers(found, "weights", [_float(record.parameters) for record in records], lambda v: f"{v:,.0f}"),
    )


def _kept(record: Record, name: str) -> float | None:
    """A column's value for the weights that were kept: the last, or the one of the best epoch."""
    kept = kept_value(record)
    at = dict(record.metrics.series(name))
    return at.get(float(kept[2])) if kept else None


def _numbers(
    found: Comparison,
    name: str,
    values: Sequence[float | None],
    write: Callable[[float], str],
    better: Callable[[Sequence[float]], float] | None = None,
) -> Line:
    known = [value for value in values if value is not None and math.isfinite(value)]
    cells = tuple(NONE if value is None else write(value) for value in values)
    ranked = better is not None and len(known) > 1 and len(set(known)) > 1 and found.comparable
    best = frozenset(i for i, value in enumerate(values) if ranked and better and value == better(known))
    told = found.repeated and better is not None and len(known) == len(values)
    return Line(name, cells, best, measured(Statistic.of(known)) if told else "")


def _measured_apart(records: Sequence[Record]) -> list[str]:
    """Why what was measured is not of one kind."""
    recipes = [record.run.recipe for record in records]
    notes = []
    if len({(recipe.stage, recipe.multi_label) for recipe in recipes}) > 1:
        notes.append("The runs are of different stages: their losses and metrics are not of one kind.")
    if len({recipe.loss for recipe in recipes}) > 1:
        notes.append("The losses are of different kinds: their curves are not to be compared.")
    if all(recipe.stage == "pretrain" for recipe in recipes) and len({recipe.corruption for recipe in recipes}) > 1:
        notes.append("Pictures are damaged in different ways: PSNR and SSIM are not of one task.")
    if len({(recipe.crop, recipe.resize, recipe.test_crops) for recipe in recipes}) > 1:
        notes.append("Pictures are cropped or resized differently before they are measured.")
    elif len({pictures for record in records if (pictures := first_strip(record))}) > 1:
        notes.append("The runs were measured on different pictures.")
    return notes


def _trained_apart(records: Sequence[Record]) -> list[str]:
    """What differs in the training without making the measurement another one."""
    different = len({record.run.fingerprint for record in records}) > 1
    return ["The runs were trained on different images."] if different else []


def first_strip(record: Record) -> bytes:
    """The pictures that a run was looked at on, as they are; empty where it kept none."""
    if record.strip is None or not record.strip.rows or record.strip.rows[0].epoch:
        return b""
    return (record.run.path / FOLDER / record.strip.rows[0].file).read_bytes()


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)
