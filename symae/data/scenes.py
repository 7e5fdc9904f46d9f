"""`scenes`: handwritten digits pasted on photographs, with exact label maps; a small Pascal VOC.

The digits are zeros, ones and sevens of scikit-learn's 1,797, written by people and scanned to 8x8;
the grounds are crops of the built-in photographs. No digit and no photograph of one part occurs in another.
A scene is a pure function of the seed and its number, so it need not be stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from symae.data.dataset import Colour, DataOptions, Dataset, Example, Part, Target, digest
from symae.data.parts import Parts
from symae.data.photos import draw_crop, load_photo
from symae.errors import DataError
from symae.randomness import derive_seed

__all__ = ["COLOURS", "DIGITS", "PARTS", "Scenes", "scene_parts"]

SIDE = 48
DIGIT_SIDE = (20, 34)
MOST_DIGITS = 2
DIMMED = 0.5  # grounds are darkened by this factor, so that every ink stands out
LEAST_CONTRAST = 90.0  # of a digit's ink above the ground's mean luminance, in [0, 255]
TRIES = 20  # places tried for a digit before it may overlap another
SEED = 20161119
VERSION = 3

# Three digits, not ten: a minute on a CPU is enough to learn to segment three kinds of shape, and not ten. Measured
# on the validation part with the recipe `scenes-segment` from scratch: a mean IoU of 90 % for three after four epochs,
# 15 % for ten after five; until then the maps say where digits are, not which.
VALUES = (0, 1, 7)
DIGITS = ("zero", "one", "seven")
# From Paul Tol's "bright" scheme, told apart with any colour vision; the background is black.
COLOURS: tuple[Colour, ...] = ((0, 0, 0), (68, 119, 170), (238, 102, 119), (204, 187, 68))


@dataclass(frozen=True)
class Material:
    """What the scenes of one part are made of: how many, which digits, which photographs."""

    count: int
    digits: range
    photos: tuple[str, ...]


# scikit-learn's digits are sorted by writer, so ranges also keep most hands apart.
PARTS: Mapping[Part, Material] = {
    "train": Material(
        2000, range(1200), ("astronaut", "coffee", "motorcycle_left", "rocket", "brick", "coins", "grass", "gravel")
    ),
    "validation": Material(300, range(1200, 1500), ("flower", "camera")),
    "test": Material(300, range(1500, 1797), ("chelsea", "china")),
}


@dataclass(frozen=True)
class Scenes:
    """The scenes of one part: (48, 48, C) with one or two digits.

    Attributes:
        part: "train", "validation" or "test".
        target: MAP (0 background, 1 to 3 the digits), MULTILABEL (which digits are visible) or NONE.
        channels: 3 for RGB, 1 for gray.
        seed: same seed, same scenes.
    """

    part: Part
    target: Target = Target.MAP
    channels: int = 3
    seed: int = SEED
    labels: NDArray[np.int64] | None = None

    @property
    def name(self) -> str:
        """The set and its part."""
        return f"scenes-{self.part}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Background and the digits, or the digits alone."""
        return {Target.MAP: ("background", *DIGITS), Target.MULTILABEL: DIGITS}.get(self.target, ())

    @property
    def colours(self) -> tuple[Colour, ...]:
        """One for each class of the label maps."""
        return COLOURS if self.target is Target.MAP else ()

    def __len__(self) -> int:
        return PARTS[self.part].count

    def __getitem__(self, index: int) -> Example:
        rng = np.random.default_rng(derive_seed(self.seed, "scenes", self.part, index))
        pixels, label_map = _scene(PARTS[self.part], rng)
        if self.channels == 1:
            pixels = np.array(Image.fromarray(pixels).convert("L"))[:, :, None]
        if self.target is Target.MAP:
            return Example(pixels, label_map)
        if self.target is Target.MULTILABEL:
            return Example(pixels, np.isin(np.arange(1, len(DIGITS) + 1), label_map).astype(np.uint8))
        return Example(pixels)

    def path(self, index: int) -> str:
        """Return the part's name and the scene's number."""
        return f"{self.name}/{index}"

    def fingerprint(self) -> str:
        """Hash what the scenes are a function of."""
        return digest(["scenes", VERSION, self.part, self.target, self.channels, self.seed])


def scene_parts(target: Target, options: DataOptions) -> Parts:
    """Prepare the three parts for label maps, multi-label classification, or without labels."""
    if target is Target.CLASS:
        raise DataError("scenes show several digits in an image: open them with target 'multilabel' or 'map'")

    def opened(part: Part) -> Dataset:
        return Scenes(part, target, options.channels)

    return {
        "train": lambda: opened("train"),
        "validation": lambda: opened("validation"),
        "test": lambda: opened("test"),
    }


def _scene(material: Material, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Compose one scene: (48, 48, 3) uint8 pixels and their (48, 48) uint8 label map."""
    photo = load_photo(material.photos[rng.integers(len(material.photos))], 3)
    canvas = DIMMED * draw_crop(photo, SIDE, rng).astype(np.float64)
    label_map = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(rng.integers(1, MOST_DIGITS + 1)):
        scans, values = _digits()
        usable = _usable(material.digits)
        which = usable[rng.integers(len(usable))]
        opacity = _enlarge(scans[which], int(rng.integers(DIGIT_SIDE[0], DIGIT_SIDE[1] + 1)))
        window = _free_place(label_map, opacity.shape[0], rng)
        ink = _draw_ink(canvas[window], rng)
        canvas[window] += opacity[:, :, None] * (ink - canvas[window])
        label_map[window][opacity >= 0.5] = VALUES.index(values[which]) + 1
    return (canvas + 0.5).astype(np.uint8), label_map


@lru_cache(maxsize=1)
def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise DataError("the digits of scenes need scikit-learn: install symae[train]") from error
    found = load_digits()
    return found.images / 16.0, found.target


@cache
def _usable(digits: range) -> tuple[int, ...]:
    """The scans among `digits` that show one of `VALUES`."""
    values = _digits()[1]
    return tuple(which for which in digits if values[which] in VALUES)


def _enlarge(scan: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Enlarge an 8x8 scan smoothly and sharpen its edge: (side, side) opacities in [0, 1]."""
    padded = Image.fromarray(np.pad(scan, 1).astype(np.float32))
    smooth = np.asarray(padded.resize((side, side), Image.Resampling.BICUBIC), np.float64)
    return np.clip((smooth - 0.5) * (side / 10) + 0.5, 0, 1)


def _free_place(label_map: NDArray[np.uint8], side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Draw a place for a digit, the least occupied of several tries."""
    best, least = (slice(0, side), slice(0, side)), side * side + 1
    for _ in range(TRIES):
        top, left = rng.integers(SIDE - side + 1, size=2).tolist()
        window = (slice(top, top + side), slice(left, left + side))
        occupied = int(np.count_nonzero(label_map[window]))
        if occupied < least:
            best, least = window, occupied
        if not occupied:
            break
    return best


def _draw_ink(ground: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a colour that is clearly lighter than the ground: (3,) in [0, 255]."""
    to_luminance = np.array([0.299, 0.587, 0.114])
    there = float(ground.mean(axis=(0, 1)) @ to_luminance)
    while True:
        ink = rng.uniform(0, 255, 3)
        if float(ink @ to_luminance) - there >= LEAST_CONTRAST:
            return ink
