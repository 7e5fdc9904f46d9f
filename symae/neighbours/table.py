"""Tables of features as `symae embed` writes them, read a little at a time.

features.parquet          one table
features.npy              an array, its other columns in features.npy.parquet beside it
features.parquet.parts/   what an unfinished job has so far; or any folder of tables of one encoder
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import json
import math
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from symae.errors import DataError

if TYPE_CHECKING:
    from serve.calling.results import ModelInfo

__all__ = ["Features", "Origin", "Row", "open_features"]

LIST = "list.parquet"  # in a folder of parts: the images that are wanted, not their features
BATCH = 1 << 22  # values that are read from an array at once
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Origin:
    """Which encoder made the features, and how.

    Attributes:
        model, version: its names.
        weights: SHA-256 of its file.
        output: "embedding" or "feature_map", which is also the name of the column.
        shape: of a row, (D,) or (D, h, w).
        dtype: of what is stored, "float32" or "float16".
        keep_size, full_decode: how images were read; see `symae embed`.
    """

    model: str
    version: str
    weights: str
    output: str
    shape: tuple[int, ...]
    dtype: str
    keep_size: bool
    full_decode: bool

    @property
    def size(self) -> int:
        """Values in a row."""
        return math.prod(self.shape)

    def made_by(self, info: ModelInfo) -> bool:
        """Tell whether a model that is served is that encoder: features of two versions do not compare."""
        return info.kind == "encoder" and (info.name, info.version) == (self.model, self.version)


@dataclass(frozen=True)
class Row:
    """One image: its number in the table, its path as it was written, its size in pixels, 0 where it was broken."""

    number: int
    path: str
    width: int
    height: int


@dataclass(frozen=True)
class _Group:
    """Some rows that are read together: a row group of one file."""

    file: Path
    number: int
    rows: int


@dataclass(frozen=True)
class Features:
    """A table of features; nothing of it is held in memory.

    Attributes:
        path: as it was given.
        origin: which encoder made it.
        groups: where its rows lie, in order.
        array: the .npy that holds the vectors; None: they are a column of the table.
    """

    path: Path
    origin: Origin
    groups: tuple[_Group, ...]
    array: Path | None = None

    def __len__(self) -> int:
        return sum(group.rows for group in self.groups)

    def batches(self) -> Iterator[Vectors]:
        """Yield all vectors in order, (B, D) float32 each; NaN where an image could not be read."""
        if self.array is None:
            yield from map(self._vectors, _ahead(_stream(self.groups, self.origin.output)))
            return
        mapped = self._mapped(self.array)
        step = max(1, BATCH // self.origin.size)
        for start in range(0, len(mapped), step):
            yield np.asarray(mapped[start : start + step], np.float32)

    def vectors(self, rows: Sequence[int]) -> Vectors:
        """Give the vectors of some rows, (n, D) float32."""
        if self.array is not None:
            return np.asarray(self._mapped(self.array)[list(rows)], np.float32)
        found = np.empty((len(rows), self.origin.size), np.float32)
        for group, at, inside in self._grouped(rows):
            found[at] = self._vectors(_read(group, self.origin.output))[inside]
        return found

    def rows(self, rows: Sequence[int]) -> list[Row]:
        """Say which images some rows are of."""
        found: dict[int, Row] = {}
        for group, at, inside in self._grouped(rows):
            table = _read(group, "path", "width", "height").take(pa.array(inside)).to_pylist()
            for index, row in zip(at, table, strict=True):
                found[index] = Row(int(rows[index]), row["path"], row["width"] or 0, row["height"] or 0)
        return [found[index] for index in range(len(rows))]

    def find(self, paths: Collection[str]) -> dict[str, int]:
        """Find the rows of some paths, as they stand in the table; the first of each."""
        wanted, found, start = pa.array(list(paths), pa.string()), dict[str, int](), 0
        for table in _stream(self.groups, "path") if paths else ():
            column = table["path"].combine_chunks()
            for index in pa.compute.indices_nonzero(pa.compute.is_in(column, value_set=wanted)).to_pylist():
                found.setdefault(column[index].as_py(), start + index)
            start += len(column)
        return found

    def _vectors(self, table: pa.Table) -> Vectors:
        lists = table[self.origin.output].combine_chunks()
        width = self.origin.size
        flat = lists.values.slice(lists.offset * width, len(lists) * width).to_numpy(zero_copy_only=False)
        values: Vectors = flat.reshape(len(lists), width).astype(np.float32, copy=False)
        if lists.null_count:
            values = values.copy()
            values[lists.is_null().to_numpy(zero_copy_only=False)] = np.nan
        return values

    def _mapped(self, array: Path) -> NDArray[np.generic]:
        try:
            mapped = np.load(array, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"{array} is no readable array: write it anew with symae embed") from error
        if len(mapped) != len(self):
            raise DataError(f"{array} has {len(mapped)} rows, {array}.parquet {len(self)}: write both with symae embed")
        flat: NDArray[np.generic] = mapped.reshape(len(mapped), -1)
        return flat

    def _grouped(self, rows: Sequence[int]) -> Iterator[tuple[_Group, list[int], list[int]]]:
        """Sort rows by group: the group, places in `rows`, rows within the group."""
        ends = list(itertools.accumulate(group.rows for group in self.groups))
        places: dict[int, list[int]] = {}
        for index, row in enumerate(rows):
            places.setdefault(bisect.bisect_right(ends, row), []).append(index)
        for number, at in places.items():
            start = ends[number] - self.groups[number].rows
            yield self.groups[number], at, [int(rows[index]) - start for index in at]


def open_features(path: Path) -> Features:
    """Open a table that `symae embed` wrote; only footers are read.

    Args:
        path: a .parquet, a .npy with its .npy.parquet beside it, or a folder of .parquet files, one of parts, too.

    Raises:
        DataError: there is none, it is no such table, or the tables of a folder are of several encoders.
    """
    array = path if path.suffix.lower() == ".npy" else None
    files = _files(path)
    opened = [_open(file) for file in files]
    origin = opened[0][0]
    for file, (other, _) in zip(files, opened, strict=True):
        if other != origin:
            raise DataError(
                f"{file} is of {_name(other)}, {files[0]} of {_name(origin)}: search one encoder's at a time"
            )
    groups = tuple(group for _, found in opened for group in found)
    if not groups:
        raise DataError(f"{path} has no rows: write it with symae embed MODEL IMAGES --out {path}")
    return Features(path, origin, groups, array)


def _files(path: Path) -> list[Path]:
    remedy = f"write one with symae embed MODEL IMAGES --out {path}"
    if path.is_dir():
        found = sorted(file for file in path.glob("*.parquet") if file.name != LIST and not file.name.startswith("."))
        if not found:
            raise DataError(
                f"no table of features in the folder {path}: expected .parquet files that symae embed wrote"
            )
        return found
    if not path.exists():
        parts = path.with_name(path.name + ".parts")
        unfinished = f"; what there is so far is in {parts}" if parts.is_dir() else ""
        raise DataError(f"there is no table {path}: {remedy}{unfinished}")
    if path.suffix.lower() != ".npy":
        return [path]
    beside = path.with_name(path.name + ".parquet")
    if not beside.exists():
        raise DataError(f"{beside} is missing, which names the rows of {path}: {remedy}")
    return [beside]


def _open(file: Path) -> tuple[Origin, list[_Group]]:
    try:
        with pq.ParquetFile(file) as table:
            job = json.loads((table.schema_arrow.metadata or {})[b"symae"])
            groups = range(table.metadata.num_row_groups)
            rows = [table.metadata.row_group(number).num_rows for number in groups]
        names = [field.name for field in dataclasses.fields(Origin)]
        origin = Origin(**{name: job[name] for name in names} | {"shape": tuple(job["shape"])})
    except pa.ArrowException as error:
        raise DataError(f"{file} is no readable Parquet file: {str(error).splitlines()[0]}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} is no table of features: expected one that symae embed wrote") from error
    return origin, [_Group(file, number, count) for number, count in zip(groups, rows, strict=True) if count]


def _read(group: _Group, *columns: str) -> pa.Table:
    return next(_stream([group], *columns))


def _stream(groups: Sequence[_Group], *columns: str) -> Iterator[pa.Table]:
    """Read groups in order; each file is opened once."""
    for file, of_it in itertools.groupby(groups, key=lambda group: group.file):
        try:
            with pq.ParquetFile(file) as table:
                for group in of_it:
                    yield table.read_row_group(group.number, columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{file} is damaged ({str(error).splitlines()[0]}): write it anew with symae embed"
            ) from error


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Read the next while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
        coming = reader.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = reader.submit(next, tables, None)
            yield table


def _name(origin: Origin) -> str:
    return f"{origin.model} version {origin.version} ({origin.output}, {origin.dtype})"
