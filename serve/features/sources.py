"""Which images a job's sources mean, in one fixed order.

    photos/             a folder, by the rules of `serve.paths`; tars in it are opened
    photo.jpg           an image
    shard-{000..015}.tar, *.tar     tars, read in place: they must not be compressed
    train.parquet       a table with a column of images, as bytes or as {bytes, path}
    images.txt          a list: an image, folder or shard a line, by path (from the list's folder on) or by URL
    s3://bucket/photos  any of these but lists in a remote store; see `serve.features.remote`

Nothing is held but one folder's names, so a list may be of any length.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from serve.errors import JobError
from serve.features import remote
from serve.features.items import Item, Kind, is_remote
from serve.paths import PathError, expand, is_image, is_tar, printable, refuse_compressed, tar_members, walk

__all__ = ["list_items"]

LISTS = (".txt", ".list")


def list_items(sources: Sequence[Path | str]) -> Iterator[Item]:
    """List all images of the sources.

    Raises:
        JobError: a source is missing, or a shard is compressed or damaged, or a table has no images.
    """
    try:
        for source in map(str, sources):
            if is_remote(source):
                yield from remote.list_items(source)
            elif source.lower().endswith(LISTS):
                yield from _listed(Path(source))
            else:
                yield from _local(source)
    except PathError as error:
        raise JobError(printable(str(error))) from error


def _local(source: str) -> Iterator[Item]:
    path = Path(source)
    if path.is_dir():
        for name in walk(str(path), lambda name: is_image(name) or is_tar(name)):
            yield from _in_file(path / name)
    elif path.exists():
        yield from _in_file(path)
    elif set("{*?[").isdisjoint(source):
        raise JobError(f"no such file or folder: {printable(source)}")
    else:
        for found in expand(source):
            yield from _in_file(found)


def _in_file(path: Path) -> Iterator[Item]:
    refuse_compressed(path)
    total = _size(path)
    if path.suffix.lower() == ".tar":
        for member in tar_members(path):
            if member.is_image:
                name = printable(f"{path}/{member.name}")
                yield Item(name, str(path), Kind.MEMBER, member.offset, member.size, total)
    elif path.suffix.lower() == ".parquet":
        from serve.features.tables import count_rows  # who has no tables needs no pyarrow

        for row in range(count_rows(str(path))):
            yield Item(printable(f"{path}/{row}"), str(path), Kind.ROW, row, total=total)
    else:
        yield Item(printable(path), str(path), length=total, total=total)


def _listed(source: Path) -> Iterator[Item]:
    """Read a list; what is missing is an image with an error, since the next line may be there."""
    try:
        with source.open("rb") as lines:
            for line in lines:
                name = os.fsdecode(line.strip())
                if not name or name.startswith("#"):
                    continue
                if is_remote(name):
                    yield from remote.list_named(name)
                else:
                    yield from _named(source.parent / name)
    except OSError as error:
        raise JobError(f"the list {printable(source)} cannot be read: {error.strerror}") from error


def _named(path: Path) -> Iterator[Item]:
    if path.exists() or not set("{*?[").isdisjoint(str(path)):
        yield from _local(str(path))
    else:
        yield Item(printable(path), str(path))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
