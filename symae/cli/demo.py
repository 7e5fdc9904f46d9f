"""`symae demo`: the whole chain at small size."""

from __future__ import annotations

from pathlib import Path

import click

from symae.cli import voice

__all__ = ["demo"]


@click.command(short_help="See the whole chain at small size, in five to ten minutes.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to write."
)
def demo(out: Path) -> None:
    """Train, export, serve, call and show, on photographs that come with the packages; five to ten minutes.

    An interrupted demo goes on where it stopped; delete the folder to start anew.

    \b
    Examples:
      symae demo --out demo
    """
    from symae.demo import run_demo

    page = run_demo(out, say=voice.say)
    click.echo(f"done: open {page} in a browser")
