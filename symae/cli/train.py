"""`symae recipes`, `symae train`, `symae evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symae.cli import completion, voice

if TYPE_CHECKING:
    from symae.catalogue import Section

__all__ = ["evaluate", "recipes", "train"]

_KEYS = ("recipe", "summary", "data", "paper", "gflop_per_image")  # of --json, in the order of the columns


@click.command(short_help="List what can be trained, with the paper's numbers.")
@click.argument("table", required=False, shell_complete=completion.tables)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def recipes(table: str | None, as_json: bool) -> None:
    """List what can be trained, table by table: the paper's numbers, what it needs, cost; or one TABLE alone.

    \b
    Examples:
      symae recipes
      symae recipes table2
      symae recipes --json
    """
    from symae.catalogue import catalogue

    sections = list(catalogue(table))
    if as_json:
        voice.result([dict(zip(_KEYS, row, strict=True)) for section in sections for row in section.rows])
    else:
        _print_recipes(sections)


def _print_recipes(sections: Sequence[Section]) -> None:
    from typing import Literal

    from rich.table import Table

    from symae.catalogue import COLUMNS

    console = voice.console()
    for section in sections:
        rows = Table(box=None, header_style="bold", title=section.title, title_justify="left")
        for column in COLUMNS:
            justify: Literal["left", "right"] = "right" if column.startswith("GFLOP") else "left"
            rows.add_column(column, justify=justify, no_wrap=column in ("recipe", "paper"))
        for row in section.rows:
            rows.add_row(*row)
        console.print(rows, "")


@click.command(short_help="Train a recipe on images into a run directory.", context_settings={"show_default": True})
@click.argument("recipe", shell_complete=completion.recipes)
@click.option("--data", default=None, help="Folder, tar shards, or the name of a set; default: the recipe's own.")
@click.option(
    "--unlabelled",
    help="Where a recipe learns from images without labels, too: as --data.  [default: the training images of --data]",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run directory to make; default: runs/RECIPE.")
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    shell_complete=completion.runs,
    help="Run directory or weights to start from.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out, or start it if there is none.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a value of the recipe; repeatable.")
@click.option("--seed", type=int, help="Of weights, order, crops and corruption.  [default: 0]")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--devices",
    default=1,
    type=click.IntRange(1),
    help="GPUs of this machine that train together, or processes on its CPU. Under torchrun or srun: leave it out.",
)
@click.option(
    "--workers", default=2, type=click.IntRange(0), help="Processes that decode what does not fit in memory, a device."
)
@click.option("--compile", "compiled", is_flag=True, help="Have PyTorch compile the training step: minutes at first.")
def train(
    recipe: str,
    data: str | None,
    unlabelled: str | None,
    out: Path | None,
    init: Path | None,
    resume: bool,
    settings: tuple[str, ...],
    seed: int | None,
    device: str,
    devices: int,
    workers: int,
    compiled: bool,
) -> None:
    """Train RECIPE (see `symae recipes`) into a run directory.

    Ctrl-C saves and stops; the same command with --resume goes on, to the bit on one CPU, on any number of devices.

    \b
    Examples:
      symae train pretrain --data photos/ --out runs/pretrain
      symae train classify --data labelled/ --init runs/pretrain --out runs/classify
      symae train pretrain --data photos/ --out runs/narrow --set network.width=0.5 --set epochs=10
      symae train pretrain --data photos/ --out runs/wide --devices 4
    """
    import os

    from symae.errors import InputError
    from symae.recipes import find
    from symae.request import Request
    from symae.train import train as run_training
    from symae.world import world_of

    world = world_of(os.environ)
    if devices > 1 and not world.alone:
        raise InputError(f"{world.size} processes were started already: leave --devices {devices} out")
    found = find(recipe)
    request = Request(
        found,
        data=data,
        unlabelled=unlabelled,
        out=out or Path("runs") / recipe,
        settings=settings,
        init=init,
        resume=resume,
        seed=seed,
        device=device,
        workers=workers,
        devices=devices,
        world=world,
        compile=compiled,
        quiet=voice.level() < 0,
    )
    run = run_training(request, say=voice.say)
    if world.leads:
        page = f", with a page at {run.page}" if run.page.is_file() else ""
        click.echo(f"done: {run.path}{page}; next: symae export {run.path} --repository models/")


@click.command(short_help="Measure a run on held-out images.", context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.option("--data", default=None, help="Folder, tar shards, or the name of a set; default: the run's own.")
@click.option("--part", default="test", type=click.Choice(["train", "validation", "test"]), help="Which images.")
@click.option("--seed", default=0, help="Of the damage and of random crops.")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--record", type=click.Path(path_type=Path), help="Append the result, with its origin, to this .jsonl file."
)
def evaluate(
    run: Path, data: str | None, part: str, seed: int, device: str, as_json: bool, record: Path | None
) -> None:
    """Measure a RUN on held-out images: PSNR and SSIM, accuracy, mean average precision or mean IoU.

    \b
    Examples:
      symae evaluate runs/classify --data labelled/ --part test
      symae evaluate runs/classify --json
    """
    from typing import cast

    from symae.assess import assess
    from symae.data import Part
    from symae.results import append_result, result_of
    from symae.run import open_run

    values = assess(run, data=data, part=cast(Part, part), seed=seed, device=device)
    if record is not None:
        append_result(record, result_of(run, data or open_run(run).data, part, values))
    if as_json:
        voice.result(values)
        return
    for name, value in values.items():
        click.echo(f"{name:30} {value:8.3f}")
