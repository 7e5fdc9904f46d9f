"""How far a long job is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

__all__ = ["Start", "show_progress"]

EVERY = 10.0  # seconds between two lines
Start = Callable[[int, int], Callable[[int], None]]


@contextmanager
def show_progress(what: str) -> Iterator[Start]:
    """Show progress on standard error.

    Args:
        what: is counted, e.g. "images".

    Yields:
        A function to be called with (done before, total); it gives the one to call with what is newly done.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: _Lines(what, done, total)
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:

        def start(done: int, total: int) -> Callable[[int], None]:
            task = bar.add_task(what, total=total, completed=done)
            return lambda more: bar.advance(task, more)

        yield start


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_pace(task.speed or 0))


class _Lines:
    """Plain lines: done, total, rate and time left."""

    def __init__(self, what: str, done: int, total: int) -> None:
        self._what, self._before, self._done, self._total = what, done, done, total
        self._started = self._said = time.monotonic()
        if done:
            print(f"{what}: {done} of {total} done by an earlier run", file=sys.stderr, flush=True)

    def __call__(self, more: int) -> None:
        self._done += more
        now = time.monotonic()
        if now - self._said < EVERY and self._done < self._total:
            return
        self._said = now
        rate = (self._done - self._before) / max(now - self._started, 1e-9)
        left = (self._total - self._done) / rate
        line = f"{self._what}: {self._done} of {self._total}, {_pace(rate)}, {left:,.0f} s left"
        print(line, file=sys.stderr, flush=True)


def _pace(rate: float) -> str:
    return f"{rate:,.1f}/s" if rate >= 1 or not rate else f"{1 / rate:,.1f} s each"
