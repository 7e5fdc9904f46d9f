"""`symae export`: leave PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from symae.cli import completion, voice

__all__ = ["export"]


@click.command(short_help="Write what a run has learned as verified ONNX models.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of models, as `symae serve` and NVIDIA Triton read it; made if need be.",
)
@click.option("--name", help="Name of the models; default: that of the run directory.")
@click.option(
    "--layer", type=int, help="Convolution, counted from 1, that embeddings are read after; default: the last."
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "fp16-weights", "int8"]),
    default="fp32",
    show_default=True,
    help="int8 is for CPUs; fp16 for GPUs: on a CPU it gains nothing but size; fp16-weights halves the file alone and "
    "computes in fp32.",
)
@click.option(
    "--calibrate",
    metavar="FOLDER|SHARDS",
    help="Images to calibrate and measure a lower precision with; default: those that the run validates on.",
)
@click.option(
    "--max-loss-db", default=0.2, show_default=True, help="Most PSNR that an auto-encoder of lower precision may lose."
)
@click.option(
    "--max-loss-points",
    default=0.5,
    show_default=True,
    help="The same of the others: points of accuracy, of agreement without labels, of an embedding's cosine.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object for each model.")
def export(
    run: Path,
    repository: Path,
    name: str | None,
    layer: int | None,
    precision: Literal["fp32", "fp16", "fp16-weights", "int8"],
    calibrate: str | None,
    max_loss_db: float,
    max_loss_points: float,
    as_json: bool,
) -> None:
    """Write what RUN has learned as ONNX models, each verified against PyTorch first.

    A pre-training run gives NAME-autoencoder and NAME-encoder; a fine-tuning run NAME-classifier or
    NAME-segmenter, and its NAME-encoder. Each becomes a new version beside the older ones; nothing is
    overwritten, and if one model fails its verification, none is written.

    A lower precision is held against fp32 on held-out images, damaged as in training: what it loses, and what it
    gains on this CPU, is printed and stands in the model; beyond the limits it is not written.

    \b
    Examples:
      symae export runs/pretrain --repository models/ --name photos
      symae export runs/pretrain --repository models/ --name photos-int8 --precision int8
    """
    from export import export_run
    from export.precision import Limits

    models = export_run(
        run,
        repository,
        name=name,
        layer=layer,
        precision=precision,
        calibrate=calibrate,
        limits=Limits(max_loss_db, max_loss_points),
    )
    if as_json:
        voice.result([{"path": str(m.path), "bytes": m.size, "verified": str(m.reduced or m.worst)} for m in models])
        return
    for model in models:
        proof = f"verified: {model.worst}" if model.reduced is None else str(model.reduced)
        click.echo(f"{model.path}  {model.size / 1e6:.2f} MB  {proof}")
