"""Features of many files, and who is near to whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray
from PIL import Image

from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
from serve.progress import show_progress
from serve.session import RuntimeOptions, open_only
from symae.data import DataOptions, Target, open_dataset

__all__ = ["Neighbours", "nearest"]

QUERIES = 5
NEAREST = 5
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A scene and those whose features point most nearly the same way, (H, W, 3) uint8 each, with the cosines."""

    query: Pixels
    nearest: tuple[Pixels, ...]
    cosines: tuple[float, ...]


def nearest(encoder: Path, out: Path, scenes: int) -> tuple[Neighbours, ...]:
    """Write test scenes as files, extract their features to out/features.parquet, and look neighbours up."""
    folder = _write_scenes(out / "scenes", scenes)
    table = out / "features.parquet"
    session = open_only("encoder", encoder, RuntimeOptions((), 0))
    with show_progress("images") as progress:
        extract(Local(session), (folder,), table, ExtractOptions(overwrite=True), progress)
    rows = parquet.read_table(table, columns=["path", "embedding"])
    paths = [Path(path) for path in rows["path"].to_pylist()]
    vectors = np.stack(rows["embedding"].to_numpy(zero_copy_only=False)).astype(np.float32)
    vectors -= vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12
    queries = np.linspace(0, len(paths) - 1, QUERIES).astype(int)
    return tuple(_neighbours(int(index), vectors, paths) for index in queries)


def _neighbours(index: int, vectors: NDArray[np.float32], paths: list[Path]) -> Neighbours:
    cosines = vectors @ vectors[index]
    order = [int(other) for other in np.argsort(-cosines) if other != index][:NEAREST]
    return Neighbours(
        _read(paths[index]), tuple(_read(paths[i]) for i in order), tuple(float(cosines[i]) for i in order)
    )


def _write_scenes(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    dataset = open_dataset("scenes", target=Target.NONE, part="test", options=DataOptions())
    for index in range(count):
        Image.fromarray(dataset[index].image).save(folder / f"{index:04}.png")
    return folder


def _read(path: Path) -> Pixels:
    return np.asarray(Image.open(path), np.uint8)
