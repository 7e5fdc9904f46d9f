"""One word for any data: a name, a folder, or shards."""

from __future__ import annotations

import difflib
import logging
import re
from pathlib import Path

from symae.data.dataset import DataOptions, Dataset, Part, Target
from symae.data.folder import folder_parts
from symae.data.maps import read_class_list
from symae.data.parts import Parts, choose_part, of_classes
from symae.data.photos import photo_parts
from symae.data.scenes import scene_parts
from symae.data.shard_paths import expand
from symae.data.shards import TarShards
from symae.data.torchvision_sets import Place, cifar_parts, stl10_parts
from symae.data.voc import voc_parts
from symae.errors import DataError

__all__ = ["NAMES", "open_dataset"]

BUILT_IN = ("photos", "scenes")
TORCHVISION = ("cifar10", "cifar100", "stl10", "voc2007", "voc2012")
NAMES = (*BUILT_IN, *TORCHVISION)

# What a folder holds when it is, or contains, one of TorchVision's layouts; paths end at its root.
log = logging.getLogger(__name__)

LAYOUTS = {
    "cifar-10-batches-py": "cifar10",
    "cifar-100-python": "cifar100",
    "stl10_binary": "stl10",
    "VOCdevkit/VOC2007": "voc2007",
    "VOCdevkit/VOC2012": "voc2012",
}


def open_dataset(data: str, *, target: Target, part: Part, options: DataOptions) -> Dataset:
    """Open any data under one interface.

    A part that the data does not bring is cut from its training part: see `symae.data.parts`.

    Args:
        data: a built-in set (photos, scenes), one of TorchVision's (cifar10, cifar100, stl10, voc2007,
            voc2012), a folder (see `symae.data.folder`), or tar shards as a path or a pattern such as
            `shards-{000..015}.tar` (see `symae.data.shards`).
        target: what each example is to carry beside its image.
        part: "train", "validation" or "test".
        options: channels, hold-out, number of labels, and where TorchVision's sets lie.

    Raises:
        DataError: the data does not exist, holds no images, or has no labels of that kind.
    """
    if options.channels not in (1, 3):
        raise DataError(f"channels={options.channels}: expected 3 for RGB or 1 for gray")
    if not 0 <= options.validation < 1:
        raise DataError(f"validation={options.validation} is not a fraction: expected a number in [0, 1), e.g. 0.1")
    parts = _parts(data, target, options)
    return choose_part(of_classes(parts, options.only_classes) if options.only_classes else parts, part, options)


def _parts(data: str, target: Target, options: DataOptions) -> Parts:
    folder = Path(data).expanduser()
    name, root = (data, options.root) if data in NAMES else _layout(folder)
    if data in NAMES and folder.is_dir():
        log.warning("%s is taken as the data set of that name: for the folder here write ./%s", data, data)
    if options.fold is not None and name != "stl10":
        raise DataError(f"fold={options.fold} was asked of {data}: only STL-10 has folds; leave fold out")
    if name == "photos":
        return photo_parts(target, options)
    if name == "scenes":
        return scene_parts(target, options)
    if name:
        return _torchvision(name, Place(root, download=data in NAMES), target, options)
    if folder.is_dir():
        return folder_parts(folder, target, options.channels, options.classes)
    if re.search(r"[{*?\[]", data) or data.endswith((".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst")):
        return _shards(str(folder), target, options.channels)
    if folder.exists():
        raise DataError(f"{data} is a file: expected a folder of images, a .tar, or one of {', '.join(NAMES)}")
    raise DataError(_unknown(data))


def _torchvision(name: str, place: Place, target: Target, options: DataOptions) -> Parts:
    if name == "stl10":
        return stl10_parts(name, place, target, options)
    return (cifar_parts if name.startswith("cifar") else voc_parts)(name, place, target, options)


def _layout(folder: Path) -> tuple[str, Path]:
    """Recognise TorchVision's layouts in or around a folder: the set's name, or "", and its root."""
    found = []
    for layout, name in LAYOUTS.items():
        steps = layout.split("/")
        for depth in range(len(steps) + 1):  # the folder may be the root itself, VOCdevkit/, or VOC2007/
            inside = Path(*steps[depth:])
            root = Path(folder, *[".."] * depth).resolve()
            if folder.resolve() == root.joinpath(*steps[:depth]) and (folder / inside).is_dir():
                found.append((name, root))
    if len(found) > 1:
        raise DataError(f"{folder} holds {' and '.join(name for name, _ in found)}: name the folder of one of them")
    return found[0] if found else ("", folder)


def _shards(pattern: str, target: Target, channels: int) -> Parts:
    paths = expand(pattern)
    listing = paths[0].parent / "classes.txt"
    listed = read_class_list(listing) if listing.is_file() else None
    return {"train": lambda: TarShards.open(paths, pattern, target, channels, listed)}


def _unknown(data: str) -> str:
    near = difflib.get_close_matches(data.lower(), NAMES, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"expected a folder, a .tar, or one of {', '.join(NAMES)}"
    return f"{data} is neither a folder nor a known data set: {hint}"
