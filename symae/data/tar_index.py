"""Where each sample of a tar file lies: read once from its headers, with the standard library.

A sample is what shares a name up to its first dot, as WebDataset has it: `0001.jpg`, `0001.cls` (the class
index as text), `0001.seg.png` (the label map). Other members are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from serve.paths import Member, PathError, tar_members
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


Fields = dict[str, Member]  # by extension


def index_tar(path: Path, target: Target) -> Iterator[Sample]:
    """Yield every sample of a tar, in the tar's order.

    Raises:
        DataError: the tar is compressed or broken, or a sample lacks the target asked for.
    """
    with path.open("rb") as stream:
        for fields in _grouped(path).values():
            image = next((member for member in fields.values() if member.is_image), None)
            if image is not None:
                yield Sample(image.name, _place(image), *_target(stream, path, image.name, fields, target))


def _grouped(path: Path) -> dict[str, Fields]:
    samples: dict[str, Fields] = {}
    try:
        for member in tar_members(path):
            samples.setdefault(member.sample, {})[member.extension] = member
    except PathError as error:
        raise DataError(str(error)) from error
    return samples


def _place(member: Member) -> Place:
    return Place(member.offset, member.size)


def _target(stream: BinaryIO, path: Path, name: str, fields: Fields, target: Target) -> tuple[Place, int]:
    if target is Target.MAP:
        return _field(path, name, fields, "seg.png"), -1
    if target is Target.CLASS:
        return Place(0, 0), _class_index(stream, path, name, _field(path, name, fields, "cls"))
    return Place(0, 0), -1


def _field(path: Path, name: str, fields: Fields, extension: str) -> Place:
    if extension not in fields:
        raise DataError(f"{path}: {name} has no .{extension} beside it, so no label of the kind asked for")
    return _place(fields[extension])


def _class_index(stream: BinaryIO, path: Path, name: str, place: Place) -> int:
    stream.seek(place.offset)
    text = stream.read(place.size).decode("utf-8", "replace").strip()
    if not text.isdecimal():
        raise DataError(f"{path}: the .cls of {name} holds {text[:40]!r}; expected a class index such as 7")
    return int(text)
