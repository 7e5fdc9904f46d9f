"""How much is said, and where: results on standard output; notes, progress and the log on standard error.

`-q` leaves errors and results; `-v` adds the log. Both mean the same in every command.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from symae.plain import to_json

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Level", "console", "level", "note", "progress", "result", "say", "voice_options"]

Level = int  # -1: quiet, 0: as usual, 1: verbose
_KEY = "symae.voice"
_LOGGERS = ("symae", "export", "serve")
Start = Callable[[int, int], Callable[[int], None]]


def voice_options() -> tuple[click.Option, ...]:
    """Make the two options that every command has."""
    return (
        _option("-q", "--quiet", -1, "Say nothing but results and errors."),
        _option("-v", "--verbose", 1, "Also write the log, down to its details."),
    )


def level() -> Level:
    """How much the command that runs shall say."""
    context = click.get_current_context(silent=True)
    return int(context.meta.get(_KEY, 0)) if context else 0


def say(line: str) -> None:
    """Tell of what goes on, to whoever follows standard output."""
    if level() >= 0:
        click.echo(line)


def note(line: str) -> None:
    """Tell what a person should know, beside the result."""
    if level() >= 0:
        click.echo(line, err=True)


def result(value: Any) -> None:
    """Print what was asked for as one line of JSON, alone on standard output; null for what is no finite number."""
    click.echo(to_json(value))


def console() -> Console:
    """Make what prints tables: as wide as the terminal, and wide enough for all columns elsewhere."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


@contextmanager
def progress(what: str) -> Iterator[Start]:
    """Show progress on standard error as `serve.progress.show_progress` does, or, if quiet, not at all."""
    if level() < 0:
        yield lambda _done, _total: lambda _more: None
        return
    from serve.progress import show_progress

    with show_progress(what) as start:
        yield start


def _option(short: str, long: str, value: Level, text: str) -> click.Option:
    def take(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        if not given:
            return
        if context.meta.setdefault(_KEY, value) != value:
            raise click.UsageError("--quiet and --verbose are both given: give one of them")
        _configure_log(value)

    return click.Option([short, long], is_flag=True, expose_value=False, callback=take, help=text)


def _configure_log(value: Level) -> None:
    """Of what is ours alone: the packages beneath would drown it."""
    if value < 0:
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.handlers[:] = [handler]
