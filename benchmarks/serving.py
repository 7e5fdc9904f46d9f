"""The targets of the server, measured by one command.

    python -m benchmarks.serving                      # about 25 minutes
    python -m benchmarks.serving --quick              # 3 minutes, to see that it works: too short to be believed
    python -m benchmarks.serving --only start --only one-image

Real processes: `symae serve` as users start it, who loads it in a second process, and ONNX Runtime alone in a third.
The models are encoders of known cost with random weights, by our own export. What is said over the raw runtime is taken
in rounds, raw, served, raw, served, and the median of the rounds counts, so that a machine that is busy for a while is
so for both. Each run appends a line to --record. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks.lines import Line, record, table
from benchmarks.serving_measures import MEASURES
from benchmarks.serving_models import write_models
from benchmarks.serving_rig import Effort, rig
from serve.errors import ServeError

QUICK = Effort(rounds=1, seconds=0.6, soak=25.0)
MODELS = Path(tempfile.gettempdir()) / "symae-benchmark-models"
RECORD = Path(__file__).with_name("serving.jsonl")


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--quick", is_flag=True, help="As short as can be.")
@click.option("--rounds", type=click.IntRange(1), help="Of which the median is taken.  [default: 5]")
@click.option("--only", multiple=True, type=click.Choice(tuple(MEASURES)), help="Repeatable.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS, help="Where the models are or are put.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Of the server, in JSON; repeatable.")
@click.option("--record", "file", type=click.Path(path_type=Path), default=RECORD, help="Append to this file.")
def main(quick, rounds, only, models, settings, file) -> None:
    effort = QUICK if quick else Effort()
    effort = dataclasses.replace(effort, rounds=rounds) if rounds else effort
    own = {key: json.loads(value) for key, _, value in (setting.partition("=") for setting in settings)}
    began, lines = time.monotonic(), list[Line]()
    try:
        click.echo(f"models in {write_models(models)}", err=True)
        with rig(models, effort, own) as ready:
            for name in only or MEASURES:
                click.echo(f"{time.monotonic() - began:5.0f} s  {name}", err=True)
                for line in MEASURES[name](ready):
                    lines.append(line)
                    click.echo(f"         {line.what}: {line.value:.3g}", err=True)
    except KeyboardInterrupt:
        click.echo("interrupted: what was measured by then", err=True)
    except ServeError as error:
        click.echo(f"serving: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo("\n".join(table(lines)))
    if lines:
        record(file, lines, dataclasses.asdict(effort), time.monotonic() - began)


if __name__ == "__main__":
    main()
