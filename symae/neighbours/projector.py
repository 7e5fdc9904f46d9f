"""Features as TensorBoard reads them for its projector: vectors, names, a sheet of small pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from serve.files import appears_whole
from symae.errors import DataError
from symae.neighbours.pictures import Pictures
from symae.neighbours.table import Features, Row

__all__ = ["CONFIG", "MOST", "write_projector"]

CONFIG = "projector_config.pbtxt"  # the name by which TensorBoard finds it
MOST = 16_384  # rows: a sheet of 128 x 128 pictures has the largest side that browsers draw, 8192 pixels
SIDE = 64  # pixels of a picture on the sheet
GREY = (128, 128, 128)
COLUMNS = ("path", "folder", "width", "height")


def write_projector(
    features: Features, out: Path, count: int, seed: int, advance: Callable[[int], None] = lambda _: None
) -> int:
    """Write some rows of a table for `tensorboard --logdir OUT`.

    Args:
        features: the table.
        out: the folder to write; made if need be.
        count: how many rows, at most `MOST`; drawn at random where the table has more.
        seed: of which.
        advance: called with each number of pictures that are done.

    Returns:
        How many rows were written: images without features are left out.

    Raises:
        DataError: there is a projector in the folder already; or none of the images has features.
    """
    if (out / CONFIG).exists():
        raise DataError(f"{out} has a projector already: choose another --out, or delete {out / CONFIG}")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(features))[:count])
    vectors = features.vectors(chosen.tolist())
    good = ~np.isnan(vectors[:, 0])
    if not good.any():
        raise DataError(f"none of {len(chosen):,} images of {features.path} could be read when that was written")
    rows = features.rows(chosen[good].tolist())
    out.mkdir(parents=True, exist_ok=True)
    np.savetxt(out / "tensors.tsv", vectors[good], "%.7g", "\t")
    lines = ("\t".join(map(_clean, (r.path, _folder(r), r.width, r.height))) for r in rows)
    (out / "metadata.tsv").write_text("\n".join(("\t".join(COLUMNS), *lines, "")), encoding="utf-8")
    _draw(rows, advance).save(out / "sprite.jpg", quality=90)
    with appears_whole(out / CONFIG) as partial:
        partial.write_text(_config(features, len(rows)), encoding="utf-8")
    return len(rows)


def _draw(rows: list[Row], advance: Callable[[int], None]) -> Image.Image:
    """Lay the pictures on a square sheet, row by row, grey where there is none."""
    across = math.ceil(math.sqrt(len(rows)))
    sheet = Image.new("RGB", (across * SIDE, across * SIDE), GREY)
    pictures = Pictures()
    for index, row in enumerate(rows):
        picture = pictures.small(row.path, SIDE)
        if picture is not None:
            left, top = (SIDE - picture.width) // 2, (SIDE - picture.height) // 2
            sheet.paste(picture, (index % across * SIDE + left, index // across * SIDE + top))
        advance(1)
    return sheet


def _config(features: Features, count: int) -> str:
    return (
        "embeddings {\n"
        f'  tensor_name: "{features.origin.model}"\n'
        f"  tensor_shape: {count}\n  tensor_shape: {features.origin.size}\n"
        '  tensor_path: "tensors.tsv"\n'
        '  metadata_path: "metadata.tsv"\n'
        f'  sprite {{ image_path: "sprite.jpg" single_image_dim: {SIDE} single_image_dim: {SIDE} }}\n'
        "}\n"
    )


def _folder(row: Row) -> str:
    """Name the folder of an image, which is often its class."""
    return Path(row.path).parent.name


def _clean(value: object) -> str:
    return " ".join(str(value).split())
