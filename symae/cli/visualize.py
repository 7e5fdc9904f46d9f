"""`symae visualize`: the paper's pictures of a run."""

from __future__ import annotations

from pathlib import Path

import click

from symae.cli import completion, voice

__all__ = ["visualize"]


def _numbers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Read "3,17"."""
    try:
        return tuple(int(number) for number in value.split(",")) if value else ()
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of channels, expected numbers such as 3,17") from error


@click.command(
    short_help="Draw what a run makes of images, or its feature maps.",
    context_settings={"show_default": True},
)
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.argument("images", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The PNG to write.")
@click.option("--layer", type=int, help="Show feature maps after this ReLU, counted from 1.")
@click.option(
    "--channels", callback=_numbers, metavar="N,N", help="Numbers of the channels, from 0.  [default: the strongest]"
)
@click.option("--top", default=4, type=click.IntRange(1), help="How many of the strongest channels.")
@click.option("--occlude", is_flag=True, help="Show the same channels with a block of each image missing.")
@click.option(
    "--beside",
    multiple=True,
    type=click.Path(path_type=Path),
    shell_complete=completion.runs,
    help="Another run's maps, too; repeatable.",
)
@click.option("--sigma", default=30.0, type=click.FloatRange(0), help="Of the pixel noise, on the 0-255 scale.")
@click.option("--limit", default=6, type=click.IntRange(1), help="Most images of one folder or set.")
@click.option("--keep-size", is_flag=True, help="Take images at their own sizes, not the run's.")
@click.option("--seed", default=0, help="Of the damage.")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
def visualize(
    run: Path,
    images: tuple[str, ...],
    out: Path,
    layer: int | None,
    channels: tuple[int, ...],
    top: int,
    occlude: bool,
    beside: tuple[Path, ...],
    sigma: float,
    limit: int,
    keep_size: bool,
    seed: int,
    device: str,
) -> None:
    """Draw what RUN makes of IMAGES: files, folders, .tar shards or sets by name; default: its own, held out.

    Of an auto-encoder: each image clean, damaged in three ways, and restored, with PSNR (the paper's figure 2).
    With --layer, of any run: feature maps (figure 5); with --occlude, those of occluded images, too (figure 6).

    \b
    Examples:
      symae visualize runs/pretrain photos/ --out restored.png
      symae visualize runs/pretrain dog.jpg cat.jpg --layer 12 --occlude --out features.png
      symae visualize runs/animals dog.jpg car.jpg --layer 12 --top 1 --beside runs/vehicles --out both.png
    """
    from symae.visualize import Figure, View, draw_features, draw_restorations

    figure = Figure(out, images, limit, keep_size, device)
    if layer is not None:
        draw_features((run, *beside), figure, View(layer, channels, top, occlude, seed), say=voice.note)
    elif channels or occlude or beside:
        raise click.UsageError("--channels, --occlude and --beside are for feature maps: give --layer, too")
    else:
        draw_restorations(run, figure, sigma=sigma, seed=seed, say=voice.note)
    voice.say(f"{out} written")
