"""The images of a job, in one fixed order: from folders, single files and tar shards.

Tar shards are read in place, by position, so that any image can be read by any thread and a resumed job
skips what it has without reading it; that is why they must not be compressed.
"""

from __future__ import annotations

import collections
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from serve.errors import JobError
from serve.paths import PathError, expand, is_image, is_tar, printable, refuse_compressed, tar_members, walk

__all__ = ["Item", "Shard", "Survey", "list_items"]


@dataclass(frozen=True, slots=True)
class Item:
    """One image.

    Attributes:
        name: its path as given and found, as text; for a member of a shard, SHARD/MEMBER.
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


class Survey:
    """Counts and fingerprints a list of images while it goes by: names, sizes and order.

    Two that agree up to the end of a part saw the same images in it.

    Args:
        every: images in a part.

    Attributes:
        count: images so far.
        marks: the fingerprint of all images up to the end of each part; when all have gone by, the last is
            the one of the whole list.
    """

    def __init__(self, every: int) -> None:
        self.count, self.marks = 0, list[str]()
        self._every, self._digest = every, hashlib.sha256()

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Let a list go by."""
        for item in items:
            self._digest.update(f"{item.name}\0{item.offset}\0{_size(item)}\n".encode())
            self.count += 1
            if self.count % self._every == 0:
                self.marks.append(self._digest.hexdigest())
            yield item
        if self.count % self._every or not self.count:
            self.marks.append(self._digest.hexdigest())

    def all_of(self, items: Iterable[Item]) -> Survey:
        """Take a list as a whole."""
        collections.deque(self.of(items), maxlen=0)
        return self


def list_items(sources: Sequence[Path]) -> Iterator[Item]:
    """List images: folders by the rules of `serve.paths`, tars in them included; files, shards and patterns as given.

    Raises:
        JobError: a source is missing, or a shard is compressed or damaged.
    """
    try:
        for source in sources:
            if source.is_dir():
                for name in walk(str(source), lambda name: is_image(name) or is_tar(name)):
                    yield from _in_file(source / name)
            elif source.exists():
                yield from _in_file(source)
            elif set("{*?[").isdisjoint(str(source)):
                raise JobError(f"no such file or folder: {printable(source)}")
            else:
                for path in expand(str(source)):
                    yield from _in_file(path)
    except PathError as error:
        raise JobError(printable(str(error))) from error


def _in_file(path: Path) -> Iterator[Item]:
    refuse_compressed(path)
    if path.suffix.lower() != ".tar":
        yield Item(printable(path), path)
        return
    for member in tar_members(path):
        if member.is_image:
            yield Item(printable(f"{path}/{member.name}"), path, member.offset, member.size)


def _size(item: Item) -> int:
    try:
        return item.path.stat().st_size if item.size is None else item.size
    except OSError:
        return -1
