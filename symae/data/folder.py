"""Folders of images, recognised by what is in them.

    any/depth/of/*.jpg                              no labels; class folders open this way as well
    CLASS/*.jpg                                     a class an image
    *.jpg + labels.csv  ("a.jpg,cat;dog" a line)    several classes an image
    images/*.jpg + labels/*.png                     a label map an image (also masks/ or annotations/)
    *.tar                                           WebDataset shards, see `symae.data.shards`

Each of them either directly in the folder or in train/, val/ (valid/, validation/) and test/ below it.
`classes.txt` (a name a line, or "r g b name") beside them fixes the classes of label maps, multi-label
lists and shards; without it those that a recipe knows (`symae.recipes.spec.Recipe.classes`), or else the training
part. A value of a label map beyond the classes is VOID: eleven classes of CamVid make its 11 a pixel that is not
counted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from symae.data.dataset import Dataset, Part, Target
from symae.data.files import ImageFiles
from symae.data.labelled import class_folders, multilabel_folder
from symae.data.mapped import label_map_folder, map_folder
from symae.data.maps import ClassList, parse_class_list, read_class_list
from symae.data.parts import Parts
from symae.data.paths import images_below, subfolders
from symae.data.shard_paths import shards_in
from symae.data.shards import TarShards

__all__ = ["folder_parts", "own_parts"]

PART_NAMES: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def own_parts(folder: Path) -> dict[Part, Path]:
    """Find the part folders; a folder named like a part among other folders is not one, unless train/ is there."""
    below = subfolders(folder)
    names = {name for group in PART_NAMES.values() for name in group}
    found = {part: folder / name for part, group in PART_NAMES.items() for name in reversed(group) if name in below}
    return found if "train" in found or names.issuperset(below) else {}


def folder_parts(folder: Path, target: Target, channels: int, classes: tuple[str, ...] = ()) -> Parts:
    """Prepare a folder's parts for the target asked for; nothing but folder names is read yet.

    Args:
        folder: see this module's head.
        target: what each example is to carry beside its image.
        channels: 3 for RGB, 1 for gray.
        classes: lines as of classes.txt, for a folder that has none; empty: not known.

    Raises (when a part is opened):
        DataError: there are no images, or no labels of that kind.
    """
    places = own_parts(folder) or {"train": folder}
    lead = places.get("train", next(iter(places.values())))  # fixes the classes of all parts

    def opener(place: Path) -> Callable[[], Dataset]:
        return lambda: _open(folder, place, lead, target, channels, classes)

    return {part: opener(place) for part, place in places.items()}


def _open(root: Path, place: Path, lead: Path, target: Target, channels: int, classes: tuple[str, ...]) -> Dataset:
    listed = _listed_classes(root, lead, classes)
    if shards_in(place):
        return TarShards.open(shards_in(place), str(root), target, channels, listed, lead=shards_in(lead))
    if target is Target.CLASS:
        return class_folders(root, place, lead, channels)
    if target is Target.MULTILABEL:
        return multilabel_folder(root, place, lead, channels, listed)
    if target is Target.MAP:
        return label_map_folder(root, place, lead, channels, listed)
    images = place / "images" if map_folder(place) else place
    return ImageFiles(str(root), channels, images_below(images))


def _listed_classes(root: Path, lead: Path, classes: tuple[str, ...]) -> ClassList | None:
    for path in (root / "classes.txt", lead / "classes.txt"):
        if path.is_file():
            return read_class_list(path)
    return parse_class_list(classes, "the recipe") if classes else None
