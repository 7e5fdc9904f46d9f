"""The images of a job, in one fixed order: from folders, single files and tar shards.

Tar shards are read in place, by position, so that any image can be read by any thread and a resumed job
skips what it has without reading it; that is why they must not be compressed.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from serve.errors import JobError
from serve.image import EXTENSIONS

__all__ = ["Item", "Shard", "list_items", "survey"]

TAR = ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True, slots=True)
class Item:
    """One image.

    Attributes:
        name: its path as given and found; for a member of a shard, SHARD/MEMBER.
        path: the file that holds it.
        offset: where in the file it begins, in bytes.
        size: bytes; None: to the end of the file.
    """

    name: str
    path: Path
    offset: int = 0
    size: int | None = None

    def read(self) -> bytes:
        """Read its bytes.

        Raises:
            OSError: the file is gone or unreadable.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(-1 if self.size is None else self.size)


@dataclass(frozen=True)
class Shard:
    """Every `count`-th image, beginning with the `index`-th; both count from 1, as in "2/8"."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "i/n".

        Raises:
            JobError: not two whole numbers with 1 <= i <= n.
        """
        index, slash, count = text.partition("/")
        if slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
            return cls(int(index), int(count))
        raise JobError(f"a shard is i/n with 1 <= i <= n, as in 2/8, got {text!r}")

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Keep this shard's share."""
        return itertools.islice(items, self.index - 1, None, self.count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def list_items(sources: Sequence[Path]) -> Iterator[Item]:
    """List images: folders recursively by name (hidden ones passed over), files and shards as they are given.

    Raises:
        JobError: a source is missing, or a shard is compressed or damaged.
    """
    for source in sources:
        if not source.exists():
            raise JobError(f"no such file or folder: {source}")
        yield from _in_folder(source) if source.is_dir() else _in_file(source)


def survey(items: Iterable[Item]) -> tuple[int, str]:
    """Count images and compute a fingerprint of their names, sizes in shards, and order."""
    digest, count = hashlib.sha256(), 0
    for count, item in enumerate(items, start=1):  # noqa: B007
        digest.update(f"{item.name}\0{item.offset}\0{item.size}\n".encode("utf-8", "surrogateescape"))
    return count, digest.hexdigest()


def _in_folder(folder: Path) -> Iterator[Item]:
    with os.scandir(folder) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _in_folder(path)
        elif path.suffix.lower() in EXTENSIONS or entry.name.lower().endswith((TAR, *PACKED)):
            yield from _in_file(path)


def _in_file(path: Path) -> Iterator[Item]:
    if path.name.lower().endswith(PACKED):
        raise JobError(f"{path} is compressed: unpack it to a plain .tar, images in it are compressed already")
    if path.suffix.lower() != TAR:
        yield Item(str(path), path)
        return
    try:
        with tarfile.open(path, "r:") as shard:
            for member in shard:
                if member.isfile() and Path(member.name).suffix.lower() in EXTENSIONS:
                    yield Item(f"{path}/{member.name}", path, member.offset_data, member.size)
                shard.members = []  # type: ignore[attr-defined]  # it would remember every header of a large shard
    except tarfile.TarError as error:
        raise JobError(f"{path} is no readable tar shard: {error}") from error
