"""Files that appear whole or not at all, whatever stops the writing; and whether one has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["appears_whole", "signature"]


@contextmanager
def appears_whole(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """Give a name to write to; what was written takes the place of `path` when the block ends well.

    It is flushed to the disk before it is renamed. If the block fails, an older file at `path` stays.

    Args:
        path: where it shall appear.
        partial: the name to write to, on the same disk; left out, one beside `path`.

    Raises:
        OSError: naming `path`, whatever file it was that could not be written.
    """
    partial = partial or path.with_name(f".{path.name}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def signature(path: Path) -> tuple[int, int, int] | None:
    """What differs as soon as a file is another or has been written to; None: it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
