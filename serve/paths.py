"""Which images a folder, a pattern or a tar file means: the one rule for training and for features.

Hidden files are none. Links are followed, but not in circles. Whoever lists decides what to do with tars:
training takes a folder either as shards or as images, a table of features takes both.
"""

from __future__ import annotations

import glob
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import IO, NamedTuple

from serve.image import EXTENSIONS

__all__ = [
    "Member",
    "PathError",
    "expand",
    "is_image",
    "is_tar",
    "members_of",
    "printable",
    "refuse_compressed",
    "tar_members",
    "walk",
]

COMPRESSED = (".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tar.zst")


class PathError(ValueError):
    """A shard is missing, compressed or damaged, or nothing matches; the message is one line and names it."""


class Member(NamedTuple):
    """A file in a tar: its bytes lie at `offset` and are `size` long."""

    name: str
    offset: int
    size: int

    @property
    def sample(self) -> str:
        """What it shares with what belongs to it: its name up to the first dot, as WebDataset has it."""
        folder, slash, base = self.name.rpartition("/")
        return folder + slash + base.partition(".")[0]

    @property
    def extension(self) -> str:
        """What follows that dot, in lower case: "jpg", "cls", "seg.png"."""
        return self.name.rpartition("/")[2].partition(".")[2].lower()

    @property
    def is_image(self) -> bool:
        """Whether it is an image; a label map (seg.png) is not."""
        return f".{self.extension.rpartition('.')[2]}" in EXTENSIONS and not self.extension.startswith("seg.")


def is_image(name: str) -> bool:
    """Tell by its extension whether a file is an image; hidden files are not."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122


def is_tar(name: str) -> bool:
    """Tell by its extension whether a file is a tar, compressed or not; hidden files are not."""
    return not name.startswith(".") and name.lower().endswith((".tar", *COMPRESSED))


def refuse_compressed(path: Path | str) -> None:
    """Refuse a tar whose images cannot be read one by one.

    Raises:
        PathError: it is compressed.
    """
    if str(path).lower().endswith(COMPRESSED):
        raise PathError(f"{path} is compressed, so its images cannot be read one by one: unpack it to a .tar")


def walk(folder: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Find files below a folder, at any depth, sorted folder by folder.

    Hidden files and folders are left out. Symbolic links are followed; a link to a folder that is being
    walked already would never end and is left out.

    Args:
        folder: its path.
        wanted: called with a file's name.

    Yields:
        Paths relative to the folder, with "/" between their parts.
    """
    return _walk(folder, "", (), wanted)


def expand(pattern: str) -> list[Path]:
    """List the tar files that a pattern means: a path, `{000..015}` for numbers, `*` and `?` as in a shell.

    Raises:
        PathError: one of them is missing or compressed.
    """
    paths = [match for text in _braces(pattern) for match in _matches(text)]
    for path in paths:
        refuse_compressed(path)
        if not path.is_file():
            raise PathError(f"the shard {path} does not exist; {pattern} names {len(paths)} files")
    return paths


def tar_members(path: Path) -> Iterator[Member]:
    """Yield the files of a tar in its order, without hidden ones; only its headers are read.

    Raises:
        PathError: it is compressed or broken.
    """
    try:
        with path.open("rb") as file:
            yield from members_of(file, str(path))
    except OSError as error:
        raise _no_tar(str(path), error) from error


def members_of(file: IO[bytes], name: str) -> Iterator[Member]:
    """Yield the files of an opened tar; see `tar_members`."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for info in tar:
                tar.members.clear()  # type: ignore[attr-defined]  # or tarfile would keep every header that it has read
                if info.isreg() and not info.name.rpartition("/")[2].startswith("."):
                    yield Member(info.name, info.offset_data, info.size)
    except (tarfile.TarError, OSError) as error:
        raise _no_tar(name, error) from error


def printable(path: Path | str) -> str:
    r"""Write a path as text that any file takes: a byte that is not UTF-8 becomes \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _no_tar(name: str, error: Exception) -> PathError:
    return PathError(f"{name} is no readable, uncompressed tar file ({error}): unpack or rewrite it")


def _walk(folder: str, prefix: str, above: tuple[tuple[int, int], ...], wanted: Callable[[str], bool]) -> Iterator[str]:
    status = os.stat(folder)  # noqa: PTH116
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    with os.scandir(folder) as entries:
        found = sorted((e.name, e.is_dir()) for e in entries if not e.name.startswith("."))
    for name, is_folder in found:
        if is_folder:
            yield from _walk(f"{folder}/{name}", f"{prefix}{name}/", (*above, identity), wanted)
        elif wanted(name):
            yield prefix + name


def _matches(text: str) -> list[Path]:
    if not re.search(r"[*?\[]", text):
        return [Path(text)]
    found = sorted(glob.glob(text))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise PathError(f"no file matches {text}")
    return [Path(path) for path in found]


def _braces(pattern: str) -> list[str]:
    pieces = re.split(r"\{(\d+)\.\.(\d+)\}", pattern)
    ranges = [
        [f"{number:0{len(low)}d}" for number in range(int(low), int(high) + 1)]
        for low, high in zip(pieces[1::3], pieces[2::3], strict=True)
    ]
    texts = pieces[0::3]
    return ["".join(a + b for a, b in zip(texts, (*values, ""), strict=True)) for values in product(*ranges)]
