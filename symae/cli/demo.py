"""`symae demo`: the whole chain at small size."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["demo"]


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to write."
)
def demo(out: Path) -> None:
    """Train, export, serve, call and show, on photographs that come with the packages; about five minutes.

    An interrupted demo goes on where it stopped; delete the folder to start anew.

    \b
      symae demo --out demo
    """
    from symae.demo import run_demo

    page = run_demo(out, say=click.echo)
    click.echo(f"done: open {page} in a browser")
