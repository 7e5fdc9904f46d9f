"""Pascal VOC 2007 and 2012: several classes an image from the annotations, label maps from SegmentationClass.

VOC 2007 trains on trainval and tests on test, as the paper does; the labels of VOC 2012's test part were
never published, so its val part takes that place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from symae.data.dataset import VOID, DataOptions, Dataset, Part, Target
from symae.data.files import ImageFiles
from symae.data.maps import voc_palette
from symae.data.parts import Parts
from symae.data.paths import PathList
from symae.data.torchvision_sets import Place, fetch
from symae.errors import DataError

__all__ = ["VOC_CLASSES", "voc_parts"]

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable"),
    *("dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
IMAGE_SETS: dict[str, dict[Part, str]] = {
    "2007": {"train": "trainval", "test": "test"},
    "2012": {"train": "train", "validation": "val"},
}


def voc_parts(name: str, place: Place, target: Target, options: DataOptions) -> Parts:
    """Prepare voc2007 or voc2012 for MULTILABEL (20 classes), MAP (background and 20 classes) or NONE.

    Raises:
        DataError: one class an image was asked for.
    """
    year = name.removeprefix("voc")
    if target is Target.CLASS:
        raise DataError(f"{name} shows several classes in an image: open it with target 'multilabel' or 'map'")

    def opener(image_set: str) -> Callable[[], Dataset]:
        return lambda: _open(name, place, year, image_set, target, options.channels)

    return {part: opener(image_set) for part, image_set in IMAGE_SETS[year].items()}


def _open(name: str, place: Place, year: str, image_set: str, target: Target, channels: int) -> Dataset:
    from torchvision import datasets

    kind = datasets.VOCSegmentation if target is Target.MAP else datasets.VOCDetection
    found = fetch(kind, name, place, year=year, image_set=image_set)
    title, images = f"{name}-{image_set}", _relative(place.root, found.images)
    if target is Target.MAP:
        names, maps = ("background", *VOC_CLASSES), _relative(place.root, found.masks)
        return ImageFiles(title, channels, images, target, names, voc_palette(len(names)), maps=maps)
    if target is Target.NONE:
        return ImageFiles(title, channels, images)
    values = np.stack([present(Path(path)) for path in found.annotations])
    return ImageFiles(title, channels, images, target, VOC_CLASSES, multilabels=values)


def _relative(root: Path, files: list[str]) -> PathList:
    return PathList.of(root, (str(Path(file).relative_to(root)) for file in files))


def present(annotation: Path) -> NDArray[np.uint8]:
    """Read which classes an image shows.

    Returns:
        (20,) uint8: 1 present, 0 absent, VOID where all objects of the class are marked as difficult, which
        VOC's evaluation leaves out.
    """
    values = np.zeros(len(VOC_CLASSES), np.uint8)
    for thing in ElementTree.parse(annotation).iter("object"):
        index = VOC_CLASSES.index(thing.findtext("name", ""))
        if thing.findtext("difficult", "0").strip() != "1":
            values[index] = 1
        elif values[index] == 0:
            values[index] = VOID
    return values
