"""Which files a command works on, and which file each result is written to."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.errors import JobError
from serve.features.items import Kind
from serve.features.sources import list_items
from serve.files import appears_whole
from serve.image import EXTENSIONS

__all__ = ["SourceFile", "below", "list_files", "restored", "save"]

# What a result can be written as, where its own name is given; PNG where not. Only JPEG loses anything.
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
}
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class SourceFile:
    """An image file and its name below the output folder, without suffix."""

    path: Path
    name: Path


def list_files(sources: Sequence[Path]) -> list[SourceFile]:
    """List files, and the images below folders.

    Raises:
        JobError: there is none, one is a shard, or two results would have one name.
    """
    files = [file for source in sources for file in _below(source)]
    if not files:
        raise JobError(f"no image in {', '.join(map(str, sources))}: expected .jpg, .png or the like, at any depth")
    twice = [name for name, count in collections.Counter(file.name for file in files).items() if count > 1]
    if twice:
        same = ", ".join(str(file.path) for file in files if file.name == twice[0])
        raise JobError(f"the results of {same} would have one name: call them one at a time, with another --out")
    return files


def below(out: Path, file: SourceFile, suffix: str) -> Path:
    """Name a result: OUT/NAME and the suffix."""
    return out / file.name.with_name(file.name.name + suffix)


def restored(out: Path, sources: Sequence[Path]) -> Callable[[SourceFile], Path]:
    """Name the one result of each image: OUT/NAME.png, or OUT itself where that is the name of a picture.

    Raises:
        JobError: a picture is named for several images or a folder of them, or of a kind that is not written.
    """
    if out.suffix.lower() not in EXTENSIONS or out.is_dir():
        return lambda file: below(out, file, ".png")
    if len(sources) != 1 or sources[0].is_dir():
        raise JobError(f"--out {out} is the name of one picture: give one image file, or a folder as --out")
    if out.suffix.lower() not in FORMATS:
        raise JobError(f"--out {out}: a result is written as one of {', '.join(FORMATS)}, or give a folder")
    return lambda _: out


def save(array: Pixels, file: SourceFile, target: Path) -> None:
    """Write a picture, whole or not at all, in the format that its name ends with.

    Args:
        array: (H, W, C) uint8 with C 1 or 3.
        file: whose result it is.
        target: as `below` or `restored` named it.

    Raises:
        JobError: it would overwrite the image itself.
    """
    if target.exists() and target.samefile(file.path):
        raise JobError(f"{target} is the image itself: choose another --out")
    target.parent.mkdir(parents=True, exist_ok=True)
    name, options = FORMATS[target.suffix.lower()]
    with appears_whole(target) as partial:
        Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0]).save(partial, name, **options)


def _below(source: Path) -> Iterator[SourceFile]:
    if not source.is_dir():
        yield SourceFile(source, Path(source.stem))
        return
    for item in list_items([source]):
        if item.kind is not Kind.FILE:
            raise JobError(f"{item.file}: shards are for symae embed, give files or folders of images")
        path = Path(item.file)
        yield SourceFile(path, path.relative_to(source).with_suffix(""))
