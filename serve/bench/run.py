"""Measure, show, write: what `symae bench` does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from serve.bench.plan import Measured, Target, Wishes, measure
from serve.bench.report import as_json, lines, plot
from serve.errors import JobError
from serve.progress import Start, show_progress

__all__ = ["run"]

Progress = AbstractContextManager[Start]


def run(
    target: Target,
    wishes: Wishes,
    publish: Callable[[dict[str, Any]], None] | None,
    picture: Path | None,
    say: Callable[[str], None],
    progress: Callable[[str], Progress] = show_progress,
) -> list[Measured]:
    """Measure everything and report it; after Ctrl-C what there is by then.

    Args:
        target: of what.
        wishes: under what.
        publish: called with one document of all figures, or None.
        picture: a .png file for a plot, or None.
        say: called with each line of the table.
        progress: shows how far it is.

    Raises:
        KeyboardInterrupt: Ctrl-C, after the report.
        ServeError: as `measure`; or matplotlib is missing, which is found out before anything is measured.
    """
    if picture is not None:
        _check_matplotlib()
    results: list[Measured] = []
    try:
        with progress("seconds") as start:
            measure(target, wishes, start, results.append)
    finally:
        for line in lines(results) if results else ():
            say(line)
        if publish is not None and results:
            publish(as_json(results, str(target)))
        if picture is not None and results:
            plot(results, picture)
    return results


def _check_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        raise JobError("--plot needs matplotlib: pip install matplotlib, or leave it out") from None
