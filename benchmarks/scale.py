"""The targets of scale - training, extraction, precision, several devices - measured by one command.

    python -m benchmarks.scale                                # all; the sections name what each needs
    python -m benchmarks.scale --only extraction --quick      # to see that it works: too short to be believed

Each section is a file, benchmarks/scale_SECTION.py, whose `measure(quick)` yields its lines; what is a ratio is taken
in rounds, ours, theirs, ours, theirs, and the median of the rounds counts. Each run appends a line to --record. Leave
the machine alone meanwhile.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import click

from benchmarks.lines import Line, record, table
from serve.errors import ServeError
from symae.errors import SymaeError

SECTIONS = ("training", "devices", "extraction", "precision")
RECORD = Path(__file__).with_name("scale.jsonl")


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--quick", is_flag=True, help="As short as can be.")
@click.option("--only", multiple=True, type=click.Choice(SECTIONS), help="Repeatable.")
@click.option("--record", "file", type=click.Path(path_type=Path), default=RECORD, help="Append to this file.")
def main(quick, only, file) -> None:
    began, lines = time.monotonic(), list[Line]()
    try:
        for name in only or SECTIONS:
            click.echo(f"{time.monotonic() - began:5.0f} s  {name}", err=True)
            for line in importlib.import_module(f"benchmarks.scale_{name}").measure(quick):
                lines.append(line)
                click.echo(f"         {line.what}: {line.value:.3g}", err=True)
    except KeyboardInterrupt:
        click.echo("interrupted: what was measured by then", err=True)
    except (ServeError, SymaeError) as error:
        click.echo(f"scale: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo("\n".join(table(lines)))
    if lines:
        record(file, lines, {"quick": quick}, time.monotonic() - began)


if __name__ == "__main__":
    main()
