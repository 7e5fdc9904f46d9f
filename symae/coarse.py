"""Coarse classes: which of a data set's classes are animals and which vehicles (section 5.5.1, table 5).

VOC's own four are animal, vehicle, indoor and person, of which the paper reports two. CIFAR-10's ten classes fall into
these two as well. A data set is known by the names of its classes, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping

from symae.data.voc import VOC_CLASSES

__all__ = ["coarse_classes"]

Groups = Mapping[str, tuple[str, ...]]

VOC: Groups = {
    "animal": ("bird", "cat", "cow", "dog", "horse", "sheep"),
    "vehicle": ("aeroplane", "bicycle", "boat", "bus", "car", "motorbike", "train"),
}
CIFAR10: Groups = {
    "animal": ("bird", "cat", "deer", "dog", "frog", "horse"),
    "vehicle": ("airplane", "automobile", "ship", "truck"),
}
KNOWN = (
    (frozenset(VOC_CLASSES), VOC),
    (frozenset(CIFAR10["animal"] + CIFAR10["vehicle"]), CIFAR10),
)


def coarse_classes(classes: tuple[str, ...]) -> dict[str, list[int]]:
    """Find the coarse classes of a data set.

    Args:
        classes: the names of its K classes.

    Returns:
        "animal" and "vehicle", each with the indices of its classes in [0, K); empty where the data is not known.
    """
    groups = next((groups for names, groups in KNOWN if names == set(classes)), {})
    return {group: [classes.index(name) for name in names] for group, names in groups.items()}
