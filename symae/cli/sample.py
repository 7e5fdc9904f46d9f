"""`symae sample`."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["sample"]


@click.command()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--sigma",
    type=click.FloatRange(0, 255),
    help="Of the noise, on the 0-255 scale.  [default: 25, with --holes 0]",
)
@click.option(
    "--holes", type=click.Path(path_type=Path, dir_okay=False), help="Punch holes, and write their mask here."
)
def sample(out: Path, sigma: float | None, holes: Path | None) -> None:
    """Write a damaged photograph to restore, to OUT (.png).

    For whoever has none at hand: `symae reconstruct noisy.png --out clean.png` then removes the noise, and
    `symae reconstruct torn.png --mask holes.png --keep-known --out mended.png` fills the holes.

    \b
    Examples:
      symae sample noisy.png
      symae sample torn.png --holes holes.png
    """
    from PIL import Image

    from serve.errors import ConfigError
    from serve.files import appears_whole
    from serve.sample import noisy_sample, torn_sample

    for path in filter(None, (out, holes)):
        if path.suffix.lower() != ".png":
            raise ConfigError(f"{path} does not end in .png: other formats blur what is damaged")
    if holes is None:
        pictures = {out: noisy_sample(25 if sigma is None else sigma)}
    else:
        torn, mask = torn_sample(sigma or 0)
        pictures = {out: torn, holes: mask}
    for path, pixels in pictures.items():
        with appears_whole(path) as file:
            Image.fromarray(pixels).save(file, "PNG")
        click.echo(f"{path} written")
