"""Where each sample of a tar file lies: read once from its headers, with the standard library.

A sample is what shares a name up to its first dot, as WebDataset has it: `0001.jpg`, `0001.cls` (the class
index as text), `0001.seg.png` (the label map). Other members are left alone.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from serve.image import EXTENSIONS
from symae.data.dataset import Target
from symae.errors import DataError

__all__ = ["Place", "Sample", "index_tar"]


class Place(NamedTuple):
    """Where a member's bytes lie in its tar; zero size where there is none."""

    offset: int
    size: int


class Sample(NamedTuple):
    """One image of a tar with what belongs to it; the class is -1 where none was asked for."""

    name: str
    image: Place
    label_map: Place
    label: int


Fields = dict[str, tuple[str, Place]]  # extension -> name and place


def index_tar(path: Path, target: Target) -> Iterator[Sample]:
    """Yield every sample of a tar, in the tar's order.

    Raises:
        DataError: the tar is compressed or broken, or a sample lacks the target asked for.
    """
    with path.open("rb") as stream:
        for fields in _grouped(path).values():
            image = next((extension for extension in fields if _is_image(extension)), None)
            if image is not None:
                name, place = fields[image]
                yield Sample(name, place, *_target(stream, path, name, fields, target))


def _grouped(path: Path) -> dict[str, Fields]:
    samples: dict[str, Fields] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                tar.members.clear()  # type: ignore[attr-defined]  # or tarfile would keep every header that it has read
                folder, slash, base = member.name.rpartition("/")
                stem, _, extension = base.partition(".")
                if member.isreg() and stem:
                    place = Place(member.offset_data, member.size)
                    samples.setdefault(folder + slash + stem, {})[extension.lower()] = (member.name, place)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path} is no readable, uncompressed tar file ({error}): unpack or rewrite it") from error
    return samples


def _is_image(extension: str) -> bool:
    return "." + extension.rpartition(".")[2] in EXTENSIONS and not extension.startswith("seg.")


def _target(stream: BinaryIO, path: Path, name: str, fields: Fields, target: Target) -> tuple[Place, int]:
    if target is Target.MAP:
        return _field(path, name, fields, "seg.png"), -1
    if target is Target.CLASS:
        return Place(0, 0), _class_index(stream, path, name, _field(path, name, fields, "cls"))
    return Place(0, 0), -1


def _field(path: Path, name: str, fields: Fields, extension: str) -> Place:
    if extension not in fields:
        raise DataError(f"{path}: {name} has no .{extension} beside it, so no label of the kind asked for")
    return fields[extension][1]


def _class_index(stream: BinaryIO, path: Path, name: str, place: Place) -> int:
    stream.seek(place.offset)
    text = stream.read(place.size).decode("utf-8", "replace").strip()
    if not text.isdecimal():
        raise DataError(f"{path}: the .cls of {name} holds {text[:40]!r}; expected a class index such as 7")
    return int(text)
