"""Folders whose images carry classes: a folder for each class, or a list of several classes an image."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from symae.data.dataset import Target
from symae.data.files import ImageFiles
from symae.data.maps import ClassList
from symae.data.paths import PathList, images_below, subfolders
from symae.errors import DataError

__all__ = ["class_folders", "multilabel_folder"]


def class_folders(root: Path, place: Path, lead: Path, channels: int) -> ImageFiles:
    """Open CLASS/*.jpg; the classes are the folders of the training part, in alphabetical order.

    Args:
        root: the folder that was asked for, which gives the data its name.
        place: the part to open.
        lead: the training part.
        channels: 3 for RGB, 1 for gray.

    Raises:
        DataError: there are fewer than two classes, a class is empty, or an image lies outside of them.
    """
    classes = tuple(subfolders(lead))
    if len(classes) < 2:
        raise DataError(f"{lead} has no labels: expected a folder for each class, CLASS/*.jpg, at least two")
    paths = images_below(place)
    index = {name: i for i, name in enumerate(classes)}
    labels = np.empty(len(paths), np.int64)
    for i in range(len(paths)):
        name, slash, _ = paths.relative(i).partition("/")
        if not slash or name not in index:
            known = "a class folder" if not slash else f"one of the {len(classes)} class folders of {lead}"
            raise DataError(f"{paths[i]} does not lie in {known}: move it there or remove it")
        labels[i] = index[name]
    _no_empty_class(place, classes, labels)
    return ImageFiles(str(root), channels, paths, Target.CLASS, classes, labels=labels)


def _no_empty_class(place: Path, classes: tuple[str, ...], labels: NDArray[np.int64]) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if not count and (place / name).is_dir():
            raise DataError(f"the class folder {place / name} contains no images: add some or remove the folder")


def multilabel_folder(root: Path, place: Path, lead: Path, channels: int, listed: ClassList | None) -> ImageFiles:
    """Open images with a labels.csv, whose lines are 'filename,class;class'; no class is a label as well.

    The classes are those of classes.txt (`listed`), or all that the training part's labels.csv names, sorted.
    For the other arguments see `class_folders`.

    Raises:
        DataError: labels.csv is missing, malformed, or names an unknown class.
    """
    rows = _read_csv(place)
    known = rows if place == lead else _read_csv(lead)
    classes = listed.names if listed else tuple(sorted({name for _, names in known for name in names}))
    index = {name: i for i, name in enumerate(classes)}
    values = np.zeros((len(rows), len(classes)), np.uint8)
    for row, (file, names) in enumerate(rows):
        for name in names:
            if name not in index:
                raise DataError(f"{place / 'labels.csv'}: {file} has the unknown class {name!r}; known are {classes}")
            values[row, index[name]] = 1
    base = place if (place / rows[0][0]).exists() or not (place / "images").is_dir() else place / "images"
    paths = PathList.of(base, (file for file, _ in rows))
    return ImageFiles(str(root), channels, paths, Target.MULTILABEL, classes, multilabels=values)


def _read_csv(place: Path) -> list[tuple[str, list[str]]]:
    path = place / "labels.csv"
    if not path.is_file():
        raise DataError(f"{place} has no labels.csv: expected lines of 'filename,class;class' beside the images")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.reader(stream) if row]
    if rows and rows[0][0].strip().lower() in ("filename", "file", "image"):
        del rows[0]
    if not rows:
        raise DataError(f"{path} lists no images: expected lines of 'filename,class;class'")
    for row in rows:
        if len(row) > 2:
            raise DataError(f"{path}: {','.join(row)!r} has {len(row)} columns; expected 'filename,class;class'")
    return [(row[0].strip(), [n.strip() for n in "".join(row[1:]).split(";") if n.strip()]) for row in rows]
