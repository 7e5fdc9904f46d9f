"""Features of images that are not in a table, by the encoder that made it: in this process, or a server's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.client import Client
from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
from serve.repository import ModelFile, list_versions
from serve.session import RuntimeOptions, open_session
from symae.errors import DataError
from symae.neighbours.table import Origin, open_features

__all__ = ["encode_by_server", "encode_here"]

USUAL = Path("models")  # where models lie in all examples
Vectors = NDArray[np.float32]


def encode_here(origin: Origin, images: Sequence[Path], *, model: Path | None) -> Vectors:
    """Embed images in this process, read and run as those of the table were.

    Args:
        origin: of the table.
        images: files.
        model: a repository, the folder of one model, or one .onnx file; None: models/NAME, by the name in the table.

    Returns:
        (N, D) float32.

    Raises:
        DataError: the encoder is not there, or is not the one that made the table; or an image is broken.
        RepositoryError: there is no model.
    """
    session = open_session(_same(origin, model), RuntimeOptions())
    options = ExtractOptions(
        output=origin.output, dtype=origin.dtype, keep_size=origin.keep_size, full_decode=origin.full_decode,  # type: ignore[arg-type]
    )  # fmt: skip
    with TemporaryDirectory(prefix="symae-") as folder:
        table = Path(folder) / "queries.parquet"
        written = extract(Local(session), images, table, options, lambda _done, _total: lambda _more: None)
        for path, error in written.shown:
            raise DataError(f"{path}: {error}")
        if written.rows != len(images):
            raise DataError(f"{', '.join(map(str, images))}: expected image files, one image each")
        return open_features(table).vectors(range(written.rows))


def encode_by_server(origin: Origin, images: Sequence[Path], *, client: Client) -> Vectors:
    """Embed images by a server that has the encoder of the table.

    Raises:
        DataError: it has not; or the table is one of feature maps, which only `encode_here` compares.
        ServeError: the call failed.
    """
    if origin.output != "embedding":
        raise DataError("the table holds feature maps: give the encoder with --model instead of --address")
    infos = [info for info in client.models() if info.kind == "encoder"]
    same = [info for info in infos if origin.made_by(info)]
    if not same or same[0].embedding_size != origin.size:
        raise DataError(f"{_made_by(origin)}, and the server has {_list(infos)}: give that encoder with --model")
    # One image a request: a server refuses requests of too many images or bytes, however many it could embed.
    answers = [client.embed([image], model=origin.model, keep_size=origin.keep_size) for image in images]
    return np.concatenate([np.asarray(answer.embeddings, np.float32) for answer in answers])


def _same(origin: Origin, model: Path | None) -> ModelFile:
    """Find the file with the table's weights; others of the same shape would give features that mean something else."""
    place = USUAL / origin.model if model is None else model
    if model is None and not place.exists():
        remedy = "give its folder with --model, or a server that has it with --address"
        raise DataError(f"{_made_by(origin)}, which embeds new images and is not in {place}: {remedy}")
    found = list_versions(place)
    files = [file for versions in found.values() for file in versions]
    for file in sorted(files, key=lambda file: file.name != origin.model):
        if _digest(file.path) == origin.weights:
            return file
    have = ", ".join(f"{file.name} version {file.version}" for file in files) or "none"
    raise DataError(
        f"{_made_by(origin)}, weights {origin.weights[:12]}, and {place} has {have} with others: features of two "
        "encoders do not compare; give that one with --model, or embed the table anew"
    )


def _made_by(origin: Origin) -> str:
    return f"the table was made by {origin.model} version {origin.version} ({origin.size} values)"


def _list(infos: Sequence[Any]) -> str:
    return ", ".join(f"{info.name} version {info.version} ({info.embedding_size})" for info in infos) or "no encoder"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
