"""What an image of a job is, and which share of all images a job takes."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from serve.errors import JobError

__all__ = ["CHANGED", "UNKNOWN", "Item", "Kind", "Shard", "is_remote"]

UNKNOWN = -1
CHANGED = "the images were changed while they were read: leave them alone and run it again with --overwrite"


class Kind(enum.IntEnum):
    """How an image lies in its file."""

    FILE = 0  # the file is the image
    MEMBER = 1  # of an uncompressed tar: its bytes from `start` on
    ROW = 2  # of a Parquet file's image column: row number `start`


class Item(NamedTuple):
    """One image.

    Attributes:
        name: its path as given and found, as text; for a member of a shard or a row of a table, FILE/MEMBER.
        file: path or URL of the file that holds it.
        kind: how it lies there.
        start: first byte of a member, number of a row.
        length: its bytes; `UNKNOWN` where nobody has looked, or there was nothing to be found.
        total: bytes of the file, or `UNKNOWN`.
    """

    name: str
    file: str
    kind: Kind = Kind.FILE
    start: int = 0
    length: int = UNKNOWN
    total: int = UNKNOWN


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


def is_remote(source: str) -> bool:
    """Tell a URL from a path."""
    return "://" in source
