"""`symae export`: leave PyTorch."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["export"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
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
def export(run: Path, repository: Path, name: str | None, layer: int | None) -> None:
    """Write what RUN has learned as ONNX models, each verified against PyTorch first.

    A pre-training run gives NAME-autoencoder and NAME-encoder; a fine-tuning run NAME-classifier or
    NAME-segmenter, and its NAME-encoder. Each becomes a new version beside the older ones; nothing is
    overwritten, and if one model fails its verification, none is written.

    \b
      symae export runs/pretrain --repository models/ --name photos
    """
    from export import export_run

    for model in export_run(run, repository, name=name, layer=layer):
        megabytes = f"{model.size / 1e6:.2f} MB"
        click.echo(f"{model.path}  {megabytes}  verified: {model.worst}")
