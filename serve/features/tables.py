"""Images in a column of a Parquet file: as bytes, or as {bytes, path}, which is how Hugging Face writes them."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from serve.errors import JobError
from serve.features.items import CHANGED, UNKNOWN, is_remote
from serve.paths import printable

__all__ = ["ImageTables", "count_rows"]

NAMES = ("image", "img", "jpg")
KEPT = 2  # row groups: the one that is being read, and the next


def count_rows(file: str) -> int:
    """Count the images of a table.

    Raises:
        JobError: it is no Parquet file, or has not one column of images.
    """
    with _table(file) as table:
        _image_column(file, table.schema_arrow)
        return int(table.metadata.num_rows)


class ImageTables:
    """Reads single images; the groups of rows that were read last are kept, since neighbours are read together.

    May be used by several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bounds: dict[str, tuple[list[int], str]] = {}
        self._groups: OrderedDict[tuple[str, int], pa.ChunkedArray] = OrderedDict()

    def read(self, file: str, row: int, total: int = UNKNOWN) -> bytes:
        """Read the image of a row.

        Args:
            file: path or URL.
            row: its number.
            total: bytes of the file when it was listed.

        Raises:
            JobError: a file of this machine has another size now.
            OSError: the file is gone or unreadable, or there is no image in that row.
        """
        with self._lock:
            if file not in self._bounds:
                if total != UNKNOWN and not is_remote(file) and Path(file).stat().st_size != total:
                    raise JobError(f"{CHANGED} ({printable(file)})")
                self._bounds = {file: _bounds(file)}
            ends, column = self._bounds[file]
            group = bisect.bisect_right(ends, row)
            start = ends[group - 1] if group else 0
            images = self._group(file, group, column)
        value = images[row - start].as_py()
        image = value["bytes"] if isinstance(value, dict) else value
        if image is None:
            raise OSError(0, "there is no image in this row")
        return bytes(image)

    def _group(self, file: str, group: int, column: str) -> pa.ChunkedArray:
        key = (file, group)
        if key not in self._groups:
            while len(self._groups) >= KEPT:
                self._groups.popitem(last=False)
            with _table(file) as table:
                self._groups[key] = table.read_row_group(group, columns=[column]).column(0)
        self._groups.move_to_end(key)
        return self._groups[key]


def _bounds(file: str) -> tuple[list[int], str]:
    with _table(file) as table:
        groups = range(table.metadata.num_row_groups)
        ends = list(accumulate(table.metadata.row_group(group).num_rows for group in groups))
        return ends, _image_column(file, table.schema_arrow)


@contextmanager
def _table(file: str) -> Iterator[Any]:
    from serve.features import remote

    try:
        with pq.ParquetFile(remote.open_file(file) if is_remote(file) else file) as table:
            yield table
    except pa.ArrowException as error:
        raise JobError(f"{printable(file)} is no readable Parquet file: {str(error).splitlines()[0]}") from error


def _image_column(file: str, schema: pa.Schema) -> str:
    """Find the column of images; of a struct only the bytes are read."""
    found = {field.name: name for field in schema if (name := _bytes_of(field)) is not None}
    chosen = next((name for name in NAMES if name in found), None)
    if chosen is None and len(found) == 1:
        chosen = next(iter(found))
    if chosen is None:
        have = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise JobError(
            f"{printable(file)} has {'several columns' if found else 'no column'} of images: expected one of bytes or "
            f"of {{bytes, path}}, named image if there are more; it has {have}"
        )
    return found[chosen]


def _bytes_of(field: pa.Field) -> str | None:
    if _is_bytes(field.type):
        return str(field.name)
    if pa.types.is_struct(field.type) and (at := field.type.get_field_index("bytes")) >= 0:
        return f"{field.name}.bytes" if _is_bytes(field.type.field(at).type) else None
    return None


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
