"""Folders with a label map for each image: images/ and labels/ (or masks/, annotations/), same file names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from symae.data.dataset import VOID, Target
from symae.data.files import ImageFiles
from symae.data.maps import ClassList, read_map
from symae.data.paths import PathList, images_below
from symae.errors import DataError

__all__ = ["label_map_folder", "map_folder"]

MAP_FOLDERS = ("labels", "masks", "annotations")


def map_folder(place: Path) -> Path | None:
    """Find the folder with the label maps; None unless there is one beside images/."""
    if not (place / "images").is_dir():
        return None
    return next((place / name for name in MAP_FOLDERS if (place / name).is_dir()), None)


def label_map_folder(root: Path, place: Path, lead: Path, channels: int, listed: ClassList | None) -> ImageFiles:
    """Open images with their label maps, matched by name without extension.

    Args:
        root: the folder that was asked for, which gives the data its name.
        place: the part to open.
        lead: the training part, whose maps fix the number of classes if `listed` does not.
        channels: 3 for RGB, 1 for gray.
        listed: the classes of classes.txt; greater values in a map become VOID.

    Raises:
        DataError: there are no maps, or an image has none.
    """
    paths, maps = _pairs(place)
    classes = listed or _classes_of(maps if place == lead else _pairs(lead)[1])
    return ImageFiles(str(root), channels, paths, Target.MAP, classes.names, classes.colours, maps=maps)


def _pairs(place: Path) -> tuple[PathList, PathList]:
    folder = map_folder(place)
    if folder is None:
        raise DataError(f"{place} has no label maps: expected the folders images/ and labels/ with equal file names")
    paths, found = images_below(place / "images"), images_below(folder)
    by_stem = {_stem(found.relative(i)): found.relative(i) for i in range(len(found))}
    missing = [paths[i] for i in range(len(paths)) if _stem(paths.relative(i)) not in by_stem]
    if missing:
        raise DataError(f"{len(missing)} images have no label map in {folder}, the first of them {missing[0]}")
    return paths, PathList.of(folder, (by_stem[_stem(paths.relative(i))] for i in range(len(paths))))


def _stem(relative: str) -> str:
    return relative.rpartition(".")[0]


def _classes_of(maps: PathList) -> ClassList:
    """Count the classes by reading every map once: without classes.txt nothing else tells."""
    with ThreadPoolExecutor() as pool:
        highest = max(pool.map(_highest, (maps[i] for i in range(len(maps)))))
    return ClassList.numbered(highest + 1)


def _highest(path: str) -> int:
    try:
        found = read_map(path, None)
    except Exception:  # a broken map is noted when its image is asked for
        return 0
    return int(np.max(found, where=found != VOID, initial=0))
