"""Training, validation and test: the parts that data brings along, and those that are cut from it.

A data set's own parts are always used as they are. What it does not bring is cut from its training part:
"validation" is the seeded hold-out, never test data; "test" is the validation part, whichever that is.
The training part never contains what is held out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from symae.data.dataset import DataOptions, Dataset, Part, Subset, Target
from symae.errors import DataError, MissingPartError
from symae.randomness import derive_seed

__all__ = ["Parts", "balanced", "choose_part", "hold_out", "of_classes", "without"]

Parts = Mapping[Part, Callable[[], Dataset]]  # the parts that the data has of its own, opened when asked for


def choose_part(parts: Parts, part: Part, options: DataOptions) -> Dataset:
    """Open one part of a data set, cutting it from the training part where the data does not bring it.

    Raises:
        DataError: the part is neither there nor held out, or `options` ask for more than there is.
    """
    if part == "test" and "test" not in parts:
        return choose_part(parts, "validation", options)
    if part != "train" and part in parts:
        return parts[part]()
    if "train" not in parts:
        raise MissingPartError(f"the data has no {part} part, only {', '.join(parts)}: add a folder train/")
    whole = parts["train"]()
    if part == "train":
        kept = whole if "validation" in parts or not options.validation else _split(whole, options)[0]
        return kept if options.labels is None else _with_labels(kept, options.labels, options.seed)
    if not options.validation:
        raise MissingPartError(
            f"{whole.name} has no {part} part: add a folder {part}/, or hold out a fraction of train"
        )
    return _split(whole, options)[1]


def of_classes(parts: Parts, names: tuple[str, ...]) -> Parts:
    """Narrow every part to the images of some classes; the list of classes stays whole.

    Raises (when a part is opened):
        DataError: a name is not of a class, or the data was opened without a class for each image.
    """
    return {part: partial(_of_classes, opener, names) for part, opener in parts.items()}


def _of_classes(opener: Callable[[], Dataset], names: tuple[str, ...]) -> Dataset:
    whole = opener()
    unknown = [name for name in names if name not in whole.classes]
    if whole.labels is None or unknown:
        known = ", ".join(whole.classes) or "none"
        raise DataError(f"{whole.name} has no class {', '.join(unknown or names)} to take images of: it has {known}")
    return Subset(whole, np.flatnonzero(np.isin(whole.labels, [whole.classes.index(name) for name in names])))


def without(images: Dataset, others: Dataset) -> Dataset:
    """Leave out the images that another data set has, too: files of the same name and place, links followed.

    Raises:
        DataError: nothing is left.
    """
    given = [others.path(index) for index in range(len(others))]
    names, known = {_name(path) for path in given}, {os.path.realpath(path) for path in given}
    paths = (images.path(index) for index in range(len(images)))
    # Only what bears the name of one of them is looked up: there may be very many images.
    kept = np.array([_name(path) not in names or os.path.realpath(path) not in known for path in paths])
    if not kept.any():
        raise DataError(f"{images.name} has no images but those that are held out: give others with --unlabelled")
    return images if kept.all() else Subset(images, np.flatnonzero(kept).astype(np.int64))


def _name(path: str) -> str:
    return path.rpartition(os.sep)[2]


def hold_out(count: int, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the indices of `count` examples at random into those kept and those held out, both ascending.

    Raises:
        DataError: `fraction` is not in (0, 1), or leaves nothing on one side.
    """
    if not 0 < fraction < 1:
        raise DataError(f"validation={fraction} is not a fraction: expected a number in [0, 1), e.g. 0.1")
    held = max(1, round(count * fraction))
    if held >= count:
        raise DataError(f"cannot hold out {held} of {count} images: add images or lower validation={fraction}")
    order = np.random.default_rng(derive_seed(seed, "hold-out")).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])


def balanced(labels: NDArray[np.int64], classes: tuple[str, ...], count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` examples with equally many of every class, ascending; a remainder goes to random classes.

    Raises:
        DataError: a class has too few examples.
    """
    rng = np.random.default_rng(derive_seed(seed, "labels", count))
    quota = np.full(len(classes), count // len(classes))
    quota[rng.permutation(len(classes))[: count % len(classes)]] += 1
    chosen = []
    for index, name in enumerate(classes):
        members = np.flatnonzero(labels == index)
        if len(members) < quota[index]:
            raise DataError(
                f"labels={count} needs {quota[index]} images of class {name!r}, which has {len(members)}: "
                f"ask for at most {len(members) * len(classes)}"
            )
        chosen.append(rng.permutation(members)[: quota[index]])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _split(whole: Dataset, options: DataOptions) -> tuple[Dataset, Dataset]:
    kept, held = hold_out(len(whole), options.validation, options.seed)
    return Subset(whole, kept), Subset(whole, held)


def _with_labels(whole: Dataset, count: int, seed: int) -> Dataset:
    if whole.target is Target.NONE:
        raise DataError(f"labels={count} was asked of {whole.name}, opened without labels: leave labels out")
    if not 0 < count <= len(whole):
        raise DataError(f"labels={count} was asked of {whole.name}, which has {len(whole)} labelled images")
    labels = whole.labels
    if labels is not None:
        return Subset(whole, balanced(labels, whole.classes, count, seed))
    # One image shows several classes: there is no exact balance to strike, chance comes close.
    order = np.random.default_rng(derive_seed(seed, "labels", count)).permutation(len(whole))
    return Subset(whole, np.sort(order[:count]).astype(np.int64))
