"""Measure, show, write: what `symae bench` does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from serve.bench.plan import Measured, Target, Wishes, measure
from serve.bench.report import as_json, lines, plot
from serve.errors import JobError
from serve.files import appears_whole
from serve.progress import show_progress

__all__ = ["run"]


def run(
    target: Target, wishes: Wishes, document: Path | None, picture: Path | None, say: Callable[[str], None]
) -> list[Measured]:
    """Measure everything and report it; after Ctrl-C what there is by then.

    Args:
        target: of what.
        wishes: under what.
        document: a file for all figures, or None.
        picture: a .png file for a plot, or None.
        say: called with each line of the table.

    Raises:
        KeyboardInterrupt: Ctrl-C, after the report.
        ServeError: as `measure`; or matplotlib is missing, which is found out before anything is measured.
    """
    if picture is not None:
        _check_matplotlib()
    results: list[Measured] = []
    try:
        with show_progress("seconds") as start:
            measure(target, wishes, start, results.append)
    finally:
        for line in lines(results) if results else ():
            say(line)
        if document is not None and results:
            with appears_whole(document) as partial:
                partial.write_text(json.dumps(as_json(results, str(target)), indent=1) + "\n", encoding="utf-8")
        if picture is not None and results:
            plot(results, picture)
    return results


def _check_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        raise JobError("--plot needs matplotlib: pip install matplotlib, or leave it out") from None
