"""Lists of files that stay small: one buffer of bytes and one array of offsets.

DataLoader workers copy Python lists, page by page, as reference counts change; ten million strings
would take a gigabyte in every worker. Two flat arrays are shared between forks and pickle fast.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serve.paths import is_image, walk
from symae.errors import DataError

__all__ = ["PathList", "images_below", "scan_images", "subfolders"]


@dataclass(frozen=True)
class PathList:
    """Paths below one folder, as text; behaves like a sequence of str.

    Attributes:
        root: the folder; the kept paths are relative to it, with "/" between their parts.
        buffer: (bytes,) uint8, all relative paths one after the other.
        ends: (N,) int64, where each one ends in `buffer`.
    """

    root: str
    buffer: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, root: Path | str, relative: Iterable[str]) -> PathList:
        """Pack relative paths in the order given."""
        buffer, ends = bytearray(), array("q")
        for path in relative:
            buffer += os.fsencode(path)
            ends.append(len(buffer))
        return cls(str(root), np.frombuffer(bytes(buffer), np.uint8), np.array(ends, np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def relative(self, index: int) -> str:
        """Return one path relative to the root."""
        start = self.ends[index - 1] if index else 0
        return os.fsdecode(self.buffer[start : self.ends[index]].tobytes())

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return os.path.join(self.root, self.relative(index))  # noqa: PTH118 - Path() would cost 5 us a file

    def sizes(self) -> NDArray[np.int64]:
        """Ask the file system for every file's size in bytes; -1 for a missing file."""
        return np.fromiter((_size(self[i]) for i in range(len(self))), np.int64, len(self))


def subfolders(folder: Path) -> list[str]:
    """List the names of the folders directly below one, sorted, without hidden ones."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())


def scan_images(folder: Path) -> PathList:
    """Find all images below a folder, at any depth, sorted folder by folder; see `serve.paths.walk`."""
    return PathList.of(folder, walk(str(folder), is_image))


def images_below(folder: Path) -> PathList:
    """Find all images below a folder, of which there must be some; see `scan_images`.

    Raises:
        DataError: there are none.
    """
    paths = scan_images(folder)
    if not len(paths):
        kind = "is empty" if not any(folder.iterdir()) else "contains no images"
        raise DataError(f"{folder} {kind}: expected JPEG, PNG, WebP or similar files in it or below it")
    return paths


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return -1
