"""`symae embed`: a table of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from symae.cli import voice

if TYPE_CHECKING:
    from serve.features.extract import Engine
    from serve.session import RuntimeOptions

__all__ = ["embed"]


@click.command(short_help="Write a table of features of many images.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The table, .parquet, or an array, .npy.")
@click.option("--output", default="embedding", show_default=True, type=click.Choice(("embedding", "feature_map")))
@click.option("--dtype", default="float32", show_default=True, type=click.Choice(("float32", "float16")))
@click.option("--shard", default="1/1", show_default=True, help="Share of the images, i/n: run n of these.")
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(1), help="Images in one run.")
@click.option("--keep-size", is_flag=True, help="Take images at their own sizes, not the model's.")
@click.option("--full-decode", is_flag=True, help="Never decode a JPEG at reduced scale (differs by 1 of 255 or so).")
@click.option("--overwrite", is_flag=True, help="Drop what is there, finished or not, and start anew.")
@click.option("--provider", "providers", multiple=True, help="CUDA, TensorRT, OpenVINO or CPU, in order of preference.")
@click.option("--threads", default=0, type=click.IntRange(0), help="Threads of decoder and CPU runtime; 0: all.")
@click.option("--engine", default="local", show_default=True, type=click.Choice(("local", "ray")), help="Who computes.")
@click.option("--workers", default=0, type=click.IntRange(0), help="Actors of --engine ray; 0: one a GPU, or a CPU.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def embed(
    model: Path,
    images: tuple[str, ...],
    out: Path,
    output: str,
    dtype: str,
    shard: str,
    batch_size: int,
    keep_size: bool,
    full_decode: bool,
    overwrite: bool,
    providers: tuple[str, ...],
    threads: int,
    engine: str,
    workers: int,
    as_json: bool,
) -> None:
    """Embed IMAGES with an encoder into one table.

    IMAGES are folders, files, .tar shards ('shards/{000..015}.tar', too), .parquet files with a column of images,
    .txt lists of paths or URLs, or URLs: s3://, gs://, https:// and what else fsspec knows. MODEL is a model
    repository with one encoder, the folder of a model, or a model.onnx.

    After an interruption of any kind, the same command continues; a finished table is never overwritten unasked.
    A broken image is a row with its error, and a line of OUT.errors.txt.

    \b
    Examples:
      symae embed models/ photos/ --out features.parquet
      symae embed models/flowers-encoder shards/*.tar --out features-2.npy --dtype float16 --shard 2/8
    """
    from serve.features.extract import ExtractOptions, extract
    from serve.features.items import Shard
    from serve.session import RuntimeOptions

    options = ExtractOptions(
        Shard.parse(shard), batch_size, keep_size=keep_size, threads=threads, overwrite=overwrite,
        output=output, dtype=dtype, full_decode=full_decode,  # type: ignore[arg-type]  # click has checked them
    )  # fmt: skip
    who = _engine(engine, model, RuntimeOptions(providers, threads), workers)
    with voice.progress("images") as progress:
        written = extract(who, images, out, options, progress)
    for path, error in written.shown:
        click.echo(f"{path}: {error}", err=True)
    if written.failed > len(written.shown):
        click.echo(f"... and {written.failed - len(written.shown)} more: see {out}.errors.txt", err=True)
    if as_json:
        voice.result({"out": str(out), "rows": written.rows, "failed": written.failed})
    else:
        voice.say(f"{out}: {written.rows} rows, {written.failed} of them with an error")


def _engine(name: str, model: Path, runtime: RuntimeOptions, workers: int) -> Engine:
    if name == "ray":
        from serve.features.cluster import Cluster

        return Cluster(model, runtime, workers)
    from serve.features.local import Local
    from serve.session import open_only

    return Local(open_only("encoder", model, runtime))
