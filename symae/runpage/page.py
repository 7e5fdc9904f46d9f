"""A run as one HTML file: `report.html` in its directory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serve.files import appears_whole
from symae.class_scores import ClassScores
from symae.report.render import render
from symae.runpage import commands
from symae.runpage.curves import charts_of_run, named
from symae.runpage.facts import Price, facts_of
from symae.runpage.pictures import data_uri, shown_rows
from symae.runpage.record import Record, read_record
from symae.runpage.sessions import clock_words
from symae.runpage.words import amount, cost_lines, duration, state_words, tiles

__all__ = ["REPORT", "run_html", "write_page", "write_text"]

REPORT = "report.html"
MOST_CLASSES = 24  # of a confusion table; of more, the most frequent confusions are listed
MOST_ROWS = 40  # of the worst and the best classes, and of confusions
NO_PRICE = Price()


@dataclass(frozen=True)
class Confusions:
    """Which classes are taken for which.

    Attributes:
        table: (K, K) counts, given classes down and predicted ones across; empty where there are too many.
        pairs: (given, predicted, count, per cent of the given), the most frequent first, right answers left out.
    """

    table: tuple[tuple[int, ...], ...]
    pairs: tuple[tuple[str, str, int, float], ...]


def write_page(path: Path, out: Path | None = None, price: Price = NO_PRICE) -> Path:
    """Write the page of a run, as its directory stands; it appears whole or not at all.

    Args:
        path: the run directory.
        out: the file; None: report.html in it.
        price: what the reader pays.

    Raises:
        RunError: it is no run directory.
    """
    return write_text(run_html(read_record(path), price), out or path / REPORT)


def write_text(text: str, file: Path) -> Path:
    """Write a page; two processes may write the same one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(file, file.with_name(f".{file.name}.{os.getpid()}.partial")) as partial:
        partial.write_text(text, encoding="utf-8")
    return file


def run_html(record: Record, price: Price = NO_PRICE) -> str:
    """Tell of a run on a page that stands alone."""
    facts, path = facts_of(record), record.run.path
    preview = data_uri(record.run.preview) if record.strip is None and record.run.preview.is_file() else ""
    return render(
        "run.html",
        record=record,
        recipe=record.run.recipe,
        state=state_words(record),
        tiles=tiles(record, facts),
        charts=charts_of_run(record),
        columns=[*_columns(record)],
        strip=record.strip,
        rows=() if record.strip is None else shown_rows(path, record.strip),
        preview=preview,
        classes=record.classes,
        ranked=() if record.classes is None else _ranked(record.classes),
        confusions=None if record.classes is None else confusions(record.classes),
        origin=_origin(record),
        sessions=record.sessions,
        costs=cost_lines(facts, price),
        resume=commands.resume(record),
        repeat=commands.repeat(record),
        follow_up=commands.follow_up(record),
        clock=clock_words,
        duration=duration,
    )


def _columns(record: Record) -> Sequence[tuple[str, str]]:
    """Columns of the table of metrics: name in the file, title."""
    fixed = [("step", "step"), ("loss", "loss"), ("learning_rate", "rate")]
    measured = [(name, named(name)) for name in record.metrics.shown]
    return [*fixed, *measured, ("images_per_second", "images/s"), ("data_wait", "data wait"), ("seconds", "seconds")]


def confusions(scores: ClassScores) -> Confusions | None:
    """Arrange the confusions of classes; None where classes do not exclude each other."""
    if not scores.pairs:
        return None
    table: tuple[tuple[int, ...], ...] = ()
    if len(scores.names) <= MOST_CLASSES and scores.complete:
        counts = {(given, predicted): count for given, predicted, count in scores.pairs}
        numbers = range(len(scores.names))
        table = tuple(tuple(counts.get((row, column), 0) for column in numbers) for row in numbers)
    wrong = [
        (scores.names[given], scores.names[predicted], count, 100 * count / max(1, scores.counts[given]))
        for given, predicted, count in scores.pairs
        if given != predicted
    ]
    return Confusions(table, tuple(wrong[:MOST_ROWS]))


def _ranked(scores: ClassScores) -> tuple[tuple[str, float | None, int], ...]:
    """Classes with value and count, the worst first; of very many, the worst and the best."""
    rows = list(zip(scores.names, scores.values, scores.counts, strict=True))
    if len(rows) <= MOST_CLASSES:
        return tuple(rows)
    rows.sort(key=lambda row: -1.0 if row[1] is None else row[1])
    return (*rows[: MOST_ROWS // 2], *rows[-MOST_ROWS // 2 :]) if len(rows) > MOST_ROWS else tuple(rows)


def _origin(record: Record) -> tuple[tuple[str, str], ...]:
    """Where the numbers come from: data, seed, source, machine."""
    run, last = record.run, record.sessions[-1] if record.sessions else None
    versions = (last.versions if last else None) or record.origin.get("versions") or {}
    beside = f" and {last.unlabelled:,} without labels" if last and last.unlabelled else ""
    images = f"{last.images:,} to train{beside}, {last.held_out:,} held out" if last else ""
    processes = f"{last.processes} × " if last and last.processes > 1 else ""
    threads = f", {last.threads} threads" if last and last.threads else ""
    rows = (
        ("data", run.data),
        ("data without labels", run.unlabelled or ""),
        ("images", images),
        ("fingerprint", run.fingerprint),
        ("starts from", "fresh weights" if run.init is None else str(run.init)),
        ("seed", str(run.seed)),
        (
            "weights",
            "" if record.parameters is None else f"{record.parameters:,} numbers ({amount(record.parameters)})",
        ),
        ("receptive field", f"{run.recipe.network.receptive_field()} pixels"),
        ("precision", run.recipe.precision),
        ("device", processes + str((last.device if last else "") or record.origin.get("device") or "")),
        ("processor", f"{last.cpu}{threads}" if last and last.cpu else ""),
        ("commit of symae", str((last.commit if last else "") or record.origin.get("commit") or "")),
        *((name, version) for name, version in versions.items() if version),
    )
    return tuple((name, value) for name, value in rows if value)
