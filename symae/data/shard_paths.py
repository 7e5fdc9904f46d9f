"""Which tar files are meant: by a folder, a path, a range in braces, or a pattern."""

from __future__ import annotations

from pathlib import Path

from serve import paths
from symae.errors import DataError

__all__ = ["expand", "shards_in"]


def shards_in(folder: Path) -> list[Path]:
    """List the tar files directly in a folder, sorted.

    Raises:
        DataError: there are compressed tars in it.
    """
    found = sorted(path for path in folder.iterdir() if paths.is_tar(path.name) and path.is_file())
    try:
        for path in found:
            paths.refuse_compressed(path)
    except paths.PathError as error:
        raise DataError(str(error)) from error
    return found


def expand(pattern: str) -> list[Path]:
    """List the tar files that a pattern means; see `serve.paths.expand`.

    Raises:
        DataError: one of them is missing or compressed.
    """
    try:
        return paths.expand(pattern)
    except paths.PathError as error:
        raise DataError(str(error)) from error
