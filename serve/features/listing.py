"""The list of a job's images on disk: written once, in order, then read a part at a time.

So whoever computes a part - this process or another machine - finds the images of it without knowing the others, and
the memory that a job takes does not grow with their number.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from serve.features.items import Item, Kind, is_remote

__all__ = ["Listed", "read_part", "write_list"]

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("file", pa.binary()),  # a path need not be text
        ("kind", pa.int8()),
        ("start", pa.int64()),
        ("length", pa.int64()),
        ("total", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Listed:
    """How many images there are, and a fingerprint of their names, sizes and order."""

    count: int
    digest: str


def write_list(path: Path, items: Iterable[Item], part_rows: int) -> Listed:
    """Write a list, one group of rows for each part."""
    count, digest, rest = 0, hashlib.sha256(), iter(items)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while part := list(itertools.islice(rest, part_rows)):
            for item in part:
                digest.update(f"{item.name}\0{item.kind.value}\0{item.start}\0{item.length}\0{item.total}\n".encode())
            names, files, *others = zip(*part, strict=True)
            columns = [names, [os.fsencode(_from_anywhere(file)) for file in files], *others]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
            count += len(part)
    return Listed(count, digest.hexdigest())


def _from_anywhere(file: str) -> str:
    """Give a path that another process understands."""
    return file if is_remote(file) else str(Path(file).absolute())


def read_part(path: Path, number: int) -> list[Item]:
    """Read the images of a part."""
    with pq.ParquetFile(path) as file:
        columns = [column.to_pylist() for column in file.read_row_group(number).columns]
    return [
        Item(name, os.fsdecode(file), Kind(kind), start, length, total)
        for name, file, kind, start, length, total in zip(*columns, strict=True)
    ]
