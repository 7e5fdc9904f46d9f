"""The bytes of an image, wherever it lies."""

from __future__ import annotations

import os

from serve.errors import JobError
from serve.features import remote
from serve.features.items import CHANGED, UNKNOWN, Item, Kind, is_remote
from serve.features.tables import ImageTables

__all__ = ["CHANGED", "Bytes"]


class Bytes:
    """Reads the bytes of images; may be called by several threads."""

    def __init__(self) -> None:
        self._tables = ImageTables()

    def __call__(self, item: Item) -> bytes:
        """Read the bytes of an image.

        Raises:
            OSError: it cannot be read.
            JobError: it is another one than it was when it was listed, or gone.
        """
        try:
            data = self._read(item)
        except FileNotFoundError:
            if item.total != UNKNOWN:
                raise JobError(f"{CHANGED} ({item.name} is gone)") from None
            raise
        if item.length not in (UNKNOWN, len(data)):
            raise JobError(f"{CHANGED} ({item.name})")
        return data

    def _read(self, item: Item) -> bytes:
        if item.kind is Kind.ROW:
            return self._tables.read(item.file, item.start, item.total)
        if is_remote(item.file):
            part = (item.start, item.start + item.length) if item.kind is Kind.MEMBER else (None, None)
            return remote.read_bytes(item.file, *part)
        with open(item.file, "rb") as file:  # noqa: PTH123 - a path costs more than the call
            if item.kind is Kind.FILE:
                return file.read()
            if os.fstat(file.fileno()).st_size != item.total:
                raise JobError(f"{CHANGED} ({item.file})")
            file.seek(item.start)
            return file.read(item.length)
