"""`symae doctor`: what works here, and what to do about what does not."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from symae.cli import voice

__all__ = ["doctor"]


@click.command(short_help="Say what works here, and what to do about what does not.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--address", "addresses", multiple=True, default=("127.0.0.1:50051",), show_default=True, help="Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for machines.")
def doctor(paths: tuple[Path, ...], addresses: tuple[str, ...], as_json: bool) -> None:
    """Look at versions, processors, GPUs, execution providers, models, disk and ports.

    PATHS are model repositories and runs to look at, beside the model that comes with symae. Each problem has a line
    that says what to do about it. Exits with 0 if there is none, else with 1.

    \b
    Examples:
      symae doctor
      symae doctor models/ runs/classify --address 0.0.0.0:50051 --json
    """
    from symae.doctor import Finding, examine

    found: list[Finding] = []
    for finding in examine(paths, addresses):
        found.append(finding)
        if not as_json and (voice.level() >= 0 or not finding.ok):
            click.echo(f"{'ok     ' if finding.ok else 'PROBLEM'}  {finding.topic:9}  {finding.what}")
            if finding.remedy:
                click.echo(f"{'':20}to do: {finding.remedy}")
    if as_json:
        voice.result([{**dataclasses.asdict(finding), "ok": finding.ok} for finding in found])
    sys.exit(0 if all(finding.ok for finding in found) else 1)
