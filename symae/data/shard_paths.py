"""Which tar files are meant: by a folder, a path, a range in braces, or a pattern."""

from __future__ import annotations

import glob
import re
from itertools import product
from pathlib import Path

from symae.errors import DataError

__all__ = ["expand", "shards_in"]

COMPRESSED = (".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tar.zst")


def shards_in(folder: Path) -> list[Path]:
    """List the tar files directly in a folder, sorted.

    Raises:
        DataError: there are compressed tars in it.
    """
    found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in found:
        _refuse_compressed(path)
    return [path for path in found if path.suffix == ".tar" and path.is_file()]


def expand(pattern: str) -> list[Path]:
    """List the tar files that a pattern means: a path, `{000..015}` for numbers, `*` and `?` as in a shell.

    Raises:
        DataError: one of them is missing or compressed.
    """
    paths = [match for text in _braces(pattern) for match in _matches(text)]
    for path in paths:
        _refuse_compressed(path)
        if not path.is_file():
            raise DataError(f"the shard {path} does not exist; {pattern} names {len(paths)} files")
    return paths


def _matches(text: str) -> list[Path]:
    if not re.search(r"[*?\[]", text):
        return [Path(text)]
    found = sorted(glob.glob(text))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise DataError(f"no file matches {text}")
    return [Path(path) for path in found]


def _braces(pattern: str) -> list[str]:
    pieces = re.split(r"\{(\d+)\.\.(\d+)\}", pattern)
    ranges = [
        [f"{number:0{len(low)}d}" for number in range(int(low), int(high) + 1)]
        for low, high in zip(pieces[1::3], pieces[2::3], strict=True)
    ]
    texts = pieces[0::3]
    return ["".join(a + b for a, b in zip(texts, (*values, ""), strict=True)) for values in product(*ranges)]


def _refuse_compressed(path: Path) -> None:
    if path.name.endswith(COMPRESSED):
        raise DataError(f"{path} is compressed, so its images cannot be read one by one: unpack it to a .tar")
