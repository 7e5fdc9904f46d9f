"""Run what only a GPU can show, within a time budget, in as many sittings as it takes.

    python benchmarks/gpu_session.py --state STATE --out OUT --data cifar10=cifar10-jpeg.tar.xz --list
    python benchmarks/gpu_session.py --state STATE --out OUT --data cifar10=cifar10-jpeg.tar.xz --budget 540 \\
        --parallel 3 --set precision=bf16-mixed

The same command goes on where the last one stopped. OUT gets results.jsonl, in the form of
benchmarks/results.jsonl. Where STATE does not outlast a sitting, --pack writes what is needed of it to OUT, and
--unpack brings it in again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout is enough: symae need not be installed
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line of symae has it

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(context_settings={"show_default": True, "max_content_width": 110})
@click.option("--state", type=FOLDER, required=True, help="Folder of runs, logs, and what is done.")
@click.option("--out", type=FOLDER, required=True, help="Folder for results.jsonl, and for what --pack writes.")
@click.option("--data", multiple=True, metavar="NAME=PATH", help="A folder or tar archive, for data or a recipe.")
@click.option("--jobs", default="all", help="all, or a list of parity, speed, tables and recipes: table2,speed.")
@click.option("--seeds", default=5, type=click.IntRange(1), help="Runs of each row of a table.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a value of every recipe.")
@click.option("--budget", type=float, help="Seconds that this sitting may take.  [default: no limit]")
@click.option("--reserve", default=20.0, help="Seconds of the budget that are kept for saving.")
@click.option("--parallel", default=1, type=click.IntRange(1), help="Tasks at a time.")
@click.option("--workers", default=2, type=click.IntRange(0), help="Processes of a training that decode images.")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option("--compile", is_flag=True, help="Have PyTorch compile the step of every training.")
@click.option("--flops", default=100e12, help="Operations a second that a GPU sustains, for the first estimate.")
@click.option("--pack", type=float, help="Write the state to --out, at most so many MiB.  [default: no]")
@click.option("--part", default=15.0, help="MiB of each file that --pack writes.")
@click.option("--unpack", type=FOLDER, help="Begin with the state that --pack wrote to this folder.")
@click.option("--commit", default="", help="Of the source, for results.  [default: as git has it]")
@click.option("--smoke", is_flag=True, help="Everything at a size that a CPU does in seconds.")
@click.option("--list", "listed", is_flag=True, help="Show the plan, with costs and what is done, and end.")
def main(jobs: str, flops: float, unpack: Path | None, pack: float | None, part: float, **given: object) -> None:
    """Run jobs on a GPU. Exit code: 0 all done, 3 something remains (the last line says what), 1 something failed."""
    from benchmarks.gpu.command import Order, carry_out
    from symae.errors import SymaeError

    order = Order(jobs=tuple(jobs.split(",")), flops=flops, unpack=unpack, pack=pack, part=part, **given)
    try:
        sys.exit(carry_out(order, say=click.echo))
    except SymaeError as error:
        click.echo(f"gpu_session: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
