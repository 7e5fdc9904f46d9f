"""`symae bench`: how fast a server is, or a repository at every level."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from symae.cli import voice
from symae.cli.access import access_options

__all__ = ["bench"]


def _numbers(of: Callable[[str], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Make the reader of numbers above 0, as in 1,8,32."""

    def read(value: Any) -> tuple[Any, ...]:
        try:
            numbers = tuple(map(of, str(value).split(",")))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) <= 0:
            raise click.BadParameter(f"{value!r}: expected numbers above 0, as in 1,8,32")
        return numbers

    return read


def _size(value: Any) -> tuple[int, int]:
    height, _, width = str(value).partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise click.BadParameter(f"{value!r}: expected height and width in pixels, as in 480x640")
    return int(height), int(width)


@click.command(short_help="Measure how fast a server or a repository is.", context_settings={"show_default": True})
@click.argument("target")
@click.option("--model", default="", help="Name of the model; not needed where there is one.", show_default=False)
@click.option(
    "--callers", type=_numbers(int), metavar="N,N", default="1,8,32", help="Closed loops: who is answered calls again."
)
@click.option(
    "--rate",
    "rates",
    type=_numbers(float),
    metavar="N,N",
    help="Open loops instead: calls a second, whatever comes back.",
)
@click.option("--even", is_flag=True, help="Calls of an open loop come evenly, not at random.")
@click.option("--images-per-request", "images", default=1, type=click.IntRange(1), help="Images in each call.")
@click.option("--size", type=_size, metavar="HxW", help="Of the images.  [default: the model's]", show_default=False)
@click.option("--encoding", default="raw", type=click.Choice(("raw", "jpeg", "png")), help="How images travel.")
@click.option("--duration", default=5.0, type=click.FloatRange(0.05), help="Seconds that are measured of each load.")
@click.option("--warm-up", default=1.0, type=click.FloatRange(0), help="Seconds of the same load before them.")
@click.option("--connections", default=1, type=click.IntRange(1), help="That the callers share.")
@click.option("--config", type=click.Path(path_type=Path), help="Of the server that is started for a repository.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as one JSON object, the table elsewhere.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Draw them to this .png file.")
@access_options
def bench(
    target: str,
    model: str,
    callers: tuple[int, ...],
    rates: tuple[float, ...] | None,
    even: bool,
    images: int,
    size: tuple[int, int] | None,
    encoding: Any,
    duration: float,
    warm_up: float,
    connections: int,
    config: Path | None,
    as_json: bool,
    picture: Path | None,
    access: Any,
) -> None:
    """Measure TARGET: the HOST:PORT of a server, or a model repository.

    Of a repository three levels are measured side by side: ONNX Runtime alone at several batches, the service in one
    process without gRPC, and a server in its own process. The load comes from processes of its own.
    Times count from when a call was due; at --rate so does the time that it waited to be sent.
    Ctrl-C ends it with the figures so far.

    \b
    Examples:
      symae bench models/ --model photos-encoder --json --plot bench.png > bench.json
      symae bench localhost:50051 --rate 50,100,200 --duration 30
    """
    import sys

    from serve.bench.load import Load
    from serve.bench.plan import Target, Wishes
    from serve.bench.run import run

    load = Load(
        poisson=not even, seconds=duration, warm_up=warm_up, deadline=min(access.timeout, 60.0), connections=connections
    )
    wishes = Wishes(model, size, images, encoding, callers, rates or (), load)
    of = Target.of(target, access, (sys.executable, "-m", "symae", "serve"), config)
    run(of, wishes, voice.result if as_json else None, picture, voice.note if as_json else click.echo, voice.progress)
