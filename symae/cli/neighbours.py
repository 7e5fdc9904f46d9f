"""`symae neighbours` and `symae projector`: look at features."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symae.cli import voice
from symae.cli.access import access_options

if TYPE_CHECKING:
    from symae.neighbours.query import Encode, Query
    from symae.neighbours.search import Neighbour

__all__ = ["neighbours", "projector"]


@click.command(short_help="Find the images whose features are nearest to an image's.")
@click.argument("features", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write this HTML page, with pictures."
)
@click.option("--k", default=8, show_default=True, type=click.IntRange(1), help="Neighbours of each image.")
@click.option("--centre", is_flag=True, help="Take the table's mean off first: tells apart where all cosines are high.")
@click.option("--model", type=click.Path(path_type=Path), help="The encoder that made FEATURES; default: models/NAME.")
@click.option("--address", help="HOST:PORT of a server that has it, instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@access_options
def neighbours(
    features: Path,
    images: tuple[str, ...],
    out: Path | None,
    k: int,
    centre: bool,
    model: Path | None,
    address: str | None,
    as_json: bool,
    access: Any,
) -> None:
    """Find the images of a table whose features are nearest to those of each IMAGE.

    FEATURES is what `symae embed` wrote: a .parquet, a .npy, or a folder of tables. IMAGE is a path of a row in it, or
    any other image file, which is then embedded by the same encoder. Near is a large cosine; an image is never
    its own neighbour. The table is read once, a little at a time, so it may be of any length.

    \b
    Examples:
      symae neighbours features.parquet photos/dog.jpg --out neighbours.html
      symae neighbours features.npy new.jpg --k 20 --model models/classify-encoder --json
    """
    from symae.neighbours.page import write_page
    from symae.neighbours.query import find_queries
    from symae.neighbours.search import mean_of, search
    from symae.neighbours.table import open_features

    table = open_features(features)
    with _encoder(model, address, access) as encode:
        queries = find_queries(table, images, encode)
    mean = mean_of(table) if centre else None
    with voice.progress("rows") as start:
        found = search(table, _stack(queries), k, leave_out=_rows(queries), mean=mean, advance=start(0, len(table)))
    pairs = list(zip(queries, found, strict=True))
    if as_json:
        _print_json(features, pairs)
    else:
        _print_table(pairs)
    if out is not None:
        missing = write_page(out, table, pairs, centred=centre)
        are = "1 picture is" if missing == 1 else f"{missing} pictures are"
        gone = f"; {are} not where the table says, seen from this folder" if missing else ""
        voice.note(f"{out} written{gone}")


@click.command(short_help="Write features for TensorBoard's projector.", context_settings={"show_default": True})
@click.argument("features", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for TensorBoard.")
@click.option("--limit", default=2000, type=click.IntRange(2, 16384), help="Most images; of more, some are drawn.")
@click.option("--seed", default=0, help="Of which.")
def projector(features: Path, out: Path, limit: int, seed: int) -> None:
    """Write features and small pictures for TensorBoard's projector, which turns them in three dimensions.

    FEATURES is what `symae embed` wrote. The points can be coloured by the folders of their images, which are often
    classes.

    \b
    Examples:
      symae projector features.parquet --out logs/
      tensorboard --logdir logs/
    """
    from symae.neighbours.projector import write_projector
    from symae.neighbours.table import open_features

    table = open_features(features)
    with voice.progress("pictures") as start:
        count = write_projector(table, out, limit, seed, start(0, min(limit, len(table))))
    of = f" of {len(table):,}, drawn with seed {seed}" if len(table) > limit else ""
    voice.say(f"{out}: {count:,} images{of}; next: tensorboard --logdir {out}")


@contextmanager
def _encoder(model: Path | None, address: str | None, access: Any) -> Iterator[Encode]:
    if model is not None and address is not None:
        raise click.UsageError("both --model and --address are given: give one of them")

    def here(*arguments: Any) -> Any:
        from symae.neighbours.encoder import encode_here

        return encode_here(*arguments, model=model)

    if address is None:
        yield here
        return
    from serve.calling.connect import connected
    from symae.neighbours.encoder import encode_by_server

    with connected("encoder", address, None, voice.note, access) as client:
        yield functools.partial(encode_by_server, client=client)


def _stack(queries: Sequence[Query]) -> Any:
    import numpy as np

    return np.stack([query.vector for query in queries])


def _rows(queries: Sequence[Query]) -> list[int]:
    return [query.row for query in queries]


def _print_table(pairs: Sequence[tuple[Query, Sequence[Neighbour]]]) -> None:
    for query, found in pairs:
        click.echo(query.path)
        for each in found:
            click.echo(f"  {each.score:6.3f}  {each.row.path}")


def _print_json(features: Path, pairs: Sequence[tuple[Query, Sequence[Neighbour]]]) -> None:
    answers = [
        {"image": query.path, "row": None if query.row < 0 else query.row, "neighbours": list(map(_plain, found))}
        for query, found in pairs
    ]
    voice.result({"features": str(features), "queries": answers})


def _plain(found: Neighbour) -> dict[str, Any]:
    return {**dataclasses.asdict(found.row), "cosine": found.score}
