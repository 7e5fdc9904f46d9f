"""`symae embed`: a table of features."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["embed"]


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The table to write, a .parquet file.")
@click.option("--shard", default="1/1", show_default=True, help="Share of the images, i/n: run n of these.")
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(1), help="Images in one run.")
@click.option("--keep-size", is_flag=True, help="Take images at their own sizes, not the model's.")
@click.option("--overwrite", is_flag=True, help="Drop what is there, finished or not, and start anew.")
@click.option("--provider", "providers", multiple=True, help="CUDA, TensorRT, OpenVINO or CPU, in order of preference.")
@click.option("--threads", default=0, type=click.IntRange(0), help="Threads of decoder and CPU runtime; 0: all.")
def embed(
    model: Path,
    images: tuple[Path, ...],
    out: Path,
    shard: str,
    batch_size: int,
    keep_size: bool,
    overwrite: bool,
    providers: tuple[str, ...],
    threads: int,
) -> None:
    """Embed IMAGES (folders, files, .tar shards) with an encoder into one Parquet table.

    MODEL is a model repository with one encoder, the folder of a model, or a model.onnx. After an
    interruption of any kind, the same command continues; a finished table is never overwritten unasked.
    A broken image is a row with its error. Shards may be given as 'shards/{000..015}.tar', too.

    \b
    Example:
      symae embed models/ photos/ --out features.parquet
      symae embed models/flowers-encoder shards/*.tar --out features-2.parquet --shard 2/8
    """
    from serve.features.extract import ExtractOptions, extract
    from serve.features.items import Shard
    from serve.progress import show_progress
    from serve.session import RuntimeOptions, open_only

    options = ExtractOptions(Shard.parse(shard), batch_size, keep_size=keep_size, threads=threads, overwrite=overwrite)
    session = open_only("encoder", model, RuntimeOptions(providers, threads))
    with show_progress("images") as progress:
        written = extract(session, images, out, options, progress)
    for path, error in written.shown:
        click.echo(f"{path}: {error}", err=True)
    if written.failed > len(written.shown):
        click.echo(f"... and {written.failed - len(written.shown)} more", err=True)
    click.echo(f"{out}: {written.rows} rows, {written.failed} of them with an error")
