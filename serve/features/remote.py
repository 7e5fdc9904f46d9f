"""Images in remote stores - s3://, gs://, https://, memory:// and what else fsspec knows - listed and read.

A folder is listed one level at a time, in the order that a local one is. A tar is read in place, its headers by
requests of their own: many small ones are quicker listed than a huge one. Which credentials are used is fsspec's
business. What fails while it is read is tried again, since a store that is busy once in a million times must not
cost a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from serve.errors import JobError
from serve.features.items import UNKNOWN, Item, Kind
from serve.paths import is_image, is_tar, members_of, refuse_compressed

__all__ = ["list_items", "list_named", "open_file", "read_bytes"]

PAUSES = (0.5, 2.0)  # seconds before another try
T = TypeVar("T")


def list_items(url: str) -> Iterator[Item]:
    """List the images that a URL means: those of a folder or pattern, or in a tar or table, or the one it names.

    Raises:
        JobError: nothing is there, the store cannot be reached, or what reaches it is not installed.
    """
    with _named(url):
        store, path = _store(url)
        found = sorted(store.glob(path)) if set("*?[") & set(path) else [path]
        if not found:
            raise FileNotFoundError
        for each in found:
            entry = store.info(each)
            for name, size in _walk(store, each) if entry["type"] == "directory" else [(each, _size(entry))]:
                yield from _in_file(store, name, size)


def list_named(url: str) -> Iterator[Item]:
    """List what a line of a list names: without a request where it is one image."""
    if is_image(url.rpartition("/")[2].partition("?")[0]):
        yield Item(url, url)
    else:
        yield from list_items(url)


def read_bytes(url: str, start: int | None = None, end: int | None = None) -> bytes:
    """Read a file or, of bytes `start` to `end`, a part of it.

    Raises:
        OSError: it is gone, or could not be read several times.
    """
    store, path = _store(url)
    return _patiently(lambda: bytes(store.cat_file(path, start=start, end=end)))


def open_file(url: str) -> Any:
    """Open a file to read it by position."""
    store, path = _store(url)
    return store.open(path, "rb")


def _walk(store: Any, folder: str) -> Iterator[tuple[str, int]]:
    """Find images and tars below a folder, sorted folder by folder; without hidden ones."""
    for entry in sorted(store.ls(folder, detail=True), key=lambda entry: str(entry["name"])):
        base = entry["name"].rstrip("/").rpartition("/")[2]
        if base.startswith(".") or entry["name"].rstrip("/") == folder.rstrip("/"):
            continue
        if entry["type"] == "directory":
            yield from _walk(store, entry["name"])
        elif is_image(base) or is_tar(base):
            yield entry["name"], _size(entry)


def _in_file(store: Any, path: str, total: int) -> Iterator[Item]:
    url = store.unstrip_protocol(path)
    refuse_compressed(path)
    if path.lower().endswith(".tar"):
        with store.open(path, "rb") as file:
            for member in members_of(file, url):
                if member.is_image:
                    yield Item(f"{url}/{member.name}", url, Kind.MEMBER, member.offset, member.size, total)
    elif path.lower().endswith(".parquet"):
        from serve.features.tables import count_rows  # who has no tables needs no pyarrow

        for row in range(count_rows(url)):
            yield Item(f"{url}/{row}", url, Kind.ROW, row, total=total)
    else:
        yield Item(url, url, length=total, total=total)


def _size(entry: dict[str, Any]) -> int:
    size = entry.get("size")
    return UNKNOWN if size is None else int(size)


def _store(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise JobError(f"{url} is read through fsspec, which is not installed: pip install 'symae[scale]'") from None
    try:
        store, path = url_to_fs(url)
    except (ImportError, ValueError) as error:  # "Install s3fs to access S3", "Protocol not known: foo"
        raise JobError(f"{url} cannot be opened: {str(error).splitlines()[0]}") from error
    return store, str(path)


@contextmanager
def _named(url: str) -> Iterator[None]:
    """Say in one line which URL it is that cannot be listed."""
    try:
        yield
    except JobError:
        raise
    except FileNotFoundError:
        raise JobError(f"no such file or folder: {url}") from None
    except Exception as error:  # each store has exceptions of its own
        raise JobError(f"{url} cannot be listed: {str(error).splitlines()[0] if str(error) else error!r}") from error


def _patiently(read: Callable[[], T]) -> T:
    for pause in (*PAUSES, None):
        try:
            return read()
        except FileNotFoundError:
            raise
        except Exception as error:  # each store has exceptions of its own
            if pause is None:
                raise OSError(0, str(error) or repr(error)) from error
        time.sleep(pause)
    raise AssertionError
