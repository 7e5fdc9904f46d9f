"""`symae reconstruct`, `classify` and `segment`: call a server, or models in this process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symae.cli import completion, voice
from symae.cli.access import access_options

if TYPE_CHECKING:
    from serve.calling.batch import Outcome

__all__ = ["classify", "reconstruct", "segment"]


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what the three commands share but --out."""
    command = access_options(command)
    for add in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option(
            "--model",
            default="",
            shell_complete=completion.models,
            help="Name of the model; not needed where there is one of the kind.",
        ),
        click.option("--models", type=click.Path(path_type=Path), help="A model repository, to run in this process."),
        click.option("--address", help="HOST:PORT of a server."),
        click.argument("images", type=click.Path(path_type=Path), nargs=-1, required=True),
    ):
        command = add(command)
    return command


_folder = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write."
)


@click.command(short_help="Denoise images, and fill what is missing in them.")
@_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder, or for one image a picture.")
@click.option("--mask", type=click.Path(path_type=Path), help="A picture of the images' size, not black = missing.")
@click.option("--keep-known", is_flag=True, help="Leave the pixels that are not missing as they are.")
@click.option(
    "--ensemble", is_flag=True, help="The mean over 8 flips and rotations: a little better, 8 times the cost."
)
def reconstruct(
    images: tuple[Path, ...],
    out: Path,
    address: str | None,
    models: Path | None,
    model: str,
    mask: Path | None,
    keep_known: bool,
    ensemble: bool,
    as_json: bool,
    access: Any,
) -> None:
    """Denoise IMAGES (files and folders), and fill what --mask marks as missing.

    With neither --models nor --address, the model that comes with symae is used: it was trained for photographs,
    and finds out by itself how strong the noise is. Images may be of any size; large ones are worked on in parts.

    Writes OUT/NAME.png, or OUT itself where that is a picture's name (.png, .webp, .jpg) and one image is given.
    Gray images give gray ones. Results have 8 bits a channel; what was transparent lies on white.

    \b
    Examples:
      symae reconstruct photo.jpg --out clean.png
      symae reconstruct noisy/ --out clean/ --address localhost:50051
      symae reconstruct torn.png --mask holes.png --keep-known --out mended/ --models models/
    """
    from serve.calling import batch
    from serve.calling.connect import connected

    with connected("autoencoder", address, models, voice.note, access) as client:
        outcome = batch.reconstruct(
            client, images, out, model=model, mask=mask, keep_known=keep_known, ensemble=ensemble
        )
    _report(outcome, as_json)


@click.command(short_help="Tell what images show: a probability for each class.")
@_options
@_folder
@click.option("--top", default=3, show_default=True, type=click.IntRange(1), help="Classes to show for each image.")
def classify(
    images: tuple[Path, ...],
    out: Path,
    address: str | None,
    models: Path | None,
    model: str,
    top: int,
    as_json: bool,
    access: Any,
) -> None:
    """Classify IMAGES (files and folders); prints the likeliest classes and writes OUT/classes.csv with all.

    \b
    Examples:
      symae classify photos/ --out results/ --address localhost:50051
      symae classify photo.jpg --out results/ --models models/ --json
    """
    from serve.calling import batch
    from serve.calling.connect import connected

    with connected("classifier", address, models, voice.note, access) as client:
        outcome = batch.classify(client, images, out, model=model, top=top)
    if not as_json:
        _table([(path, *(f"{name} {p:.3f}" for name, p in scores)) for path, scores in outcome.scored])
    _report(outcome, as_json)


@click.command(short_help="Tell which pixels show what: label maps, overlays, areas.")
@_options
@_folder
def segment(
    images: tuple[Path, ...],
    out: Path,
    address: str | None,
    models: Path | None,
    model: str,
    as_json: bool,
    access: Any,
) -> None:
    """Segment IMAGES (files and folders); writes OUT/NAME.labels.png and OUT/NAME.overlay.png.

    Prints how much of each image each class covers.

    \b
    Examples:
      symae segment street/ --out results/ --models models/
      symae segment street.jpg --out results/ --address localhost:50051 --json
    """
    from serve.calling import batch
    from serve.calling.connect import connected

    with connected("segmenter", address, models, voice.note, access) as client:
        outcome = batch.segment(client, images, out, model=model)
    if not as_json:
        _table([(path, *(f"{name} {share:.1%}" for name, share in scores)) for path, scores in outcome.scored])
    _report(outcome, as_json)


def _table(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in itertools.zip_longest(*lines, fillvalue="")]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip())


def _report(outcome: Outcome, as_json: bool) -> None:
    for path, error in outcome.failed:
        click.echo(f"{path}: {error}", err=True)
    images = "image" if outcome.done == 1 else "images"
    if as_json:
        voice.result(_plain(outcome))
    else:
        (voice.say if outcome.done else voice.note)(f"{outcome.done} {images} written to {outcome.out}")
    if outcome.failed:
        click.echo(f"symae: {len(outcome.failed)} of {outcome.done + len(outcome.failed)} images failed", err=True)
        raise click.exceptions.Exit(1)


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "out": str(outcome.out),
        "images": [{"path": path, "scores": dict(scores)} for path, scores in outcome.scored],
        "failed": [{"path": path, "error": error} for path, error in outcome.failed],
    }
