"""`photos`: the photographs that ship inside scikit-image and scikit-learn, as an unlabelled data set.

Photographs only: no text, drawings, microscopy or astronomy, whose statistics are others. Three whole
photographs are held out (a person before a landscape, an animal, a building); the training part is random
crops of the other nine at several scales, so that little data shows a network much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.image import decode, resize_shorter_side
from symae.data.dataset import Colour, DataOptions, Dataset, Example, Target, digest
from symae.data.parts import Parts
from symae.errors import DataError
from symae.randomness import derive_seed

__all__ = ["HELD_OUT", "TRAIN", "PhotoCrops", "WholePhotos", "draw_crop", "load_photo", "photo_parts"]

# Weights: gray pictures, three of them plain textures, would otherwise be four ninths of all crops.
TRAIN: Mapping[str, int] = {
    "astronaut": 2,
    "coffee": 2,
    "flower": 2,
    "motorcycle_left": 2,
    "rocket": 2,
    "brick": 1,
    "coins": 1,
    "grass": 1,
    "gravel": 1,
}
HELD_OUT = ("camera", "chelsea", "china")
SCIKIT_LEARN = ("china", "flower")

TRAIN_CROPS = 2048
CROP_SIDE = 128
HELD_OUT_SIDE = 256  # shorter side of the held-out photographs
WIDEST = 3.0  # a crop covers up to this many times its side of the photograph
EXPOSURE = 0.2  # crops are made up to this fraction brighter or darker
SEED = 20161119
VERSION = 1


@dataclass(frozen=True)
class PhotoCrops:
    """Random crops of the training photographs; crop i is a pure function of i and the seed."""

    channels: int = 3
    count: int = TRAIN_CROPS
    side: int = CROP_SIDE
    seed: int = SEED
    name: str = "photos-train"
    target: Target = Target.NONE
    classes: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Example:
        rng = np.random.default_rng(derive_seed(self.seed, "photos", index))
        names, weights = list(TRAIN), np.array(list(TRAIN.values()))
        photo = load_photo(names[rng.choice(len(names), p=weights / weights.sum())], self.channels)
        crop = draw_crop(photo, self.side, rng)
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        gain = rng.uniform(1 - EXPOSURE, 1 + EXPOSURE)
        return Example(np.clip(crop * gain + 0.5, 0, 255).astype(np.uint8))

    def path(self, index: int) -> str:
        """Return the part's name and the crop's number."""
        return f"{self.name}/{index}"

    def fingerprint(self) -> str:
        """Hash what the crops are a function of."""
        return digest(["photos", VERSION, self.seed, self.count, self.side, self.channels])


@dataclass(frozen=True)
class WholePhotos:
    """The held-out photographs, the shorter side at most `side` pixels."""

    channels: int = 3
    side: int = HELD_OUT_SIDE
    name: str = "photos-held-out"
    target: Target = Target.NONE
    classes: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(HELD_OUT)

    def __getitem__(self, index: int) -> Example:
        photo = load_photo(HELD_OUT[index], self.channels)
        return Example(resize_shorter_side(photo, min(self.side, *photo.shape[:2])).copy())

    def path(self, index: int) -> str:
        """Return the part's name and the photograph's."""
        return f"{self.name}/{HELD_OUT[index]}"

    def fingerprint(self) -> str:
        """Hash what the pictures are a function of."""
        return digest(["photos", VERSION, *HELD_OUT, self.side, self.channels])


def photo_parts(target: Target, options: DataOptions) -> Parts:
    """Prepare the crops (train) and the held-out photographs (validation and test alike)."""
    if target is not Target.NONE:
        raise DataError(f"photos has no labels of the kind {target.value!r}: try scenes, or a folder with labels")

    def held_out() -> Dataset:
        return WholePhotos(options.channels)

    return {"train": lambda: PhotoCrops(options.channels), "validation": held_out, "test": held_out}


@cache
def load_photo(name: str, channels: int) -> NDArray[np.uint8]:
    """Decode one of the photographs; kept for the life of the process.

    Raises:
        DataError: the package that brings the photograph is not installed.
    """
    package, folder = ("sklearn", "datasets/images") if name in SCIKIT_LEARN else ("skimage", "data")
    try:
        place = files(package) / folder
    except ModuleNotFoundError as error:
        raise DataError(
            f"the built-in photographs need {'scikit-learn' if package == 'sklearn' else 'scikit-image'}: "
            "install symae[train]"
        ) from error
    suffix = ".jpg" if name in (*SCIKIT_LEARN, "rocket") else ".png"
    pixels = decode((place / f"{name}{suffix}").read_bytes(), channels=channels)
    pixels.flags.writeable = False  # it is shared
    return pixels


def draw_crop(photo: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut out a random square of a random scale and resize it to `side`; never enlarged, save tiny photographs.

    Args:
        photo: (H, W, C) uint8.
        side: of the result.
        rng: source of randomness.

    Returns:
        (side, side, C) uint8.
    """
    limit = min(photo.shape[:2])
    # Log-uniform: the step from 1x to 1.5x matters as much as that from 2x to 3x.
    extent = min(limit, round(side * float(np.exp(rng.uniform(0, np.log(WIDEST))))))
    top = int(rng.integers(photo.shape[0] - extent + 1))
    left = int(rng.integers(photo.shape[1] - extent + 1))
    crop = photo[top : top + extent, left : left + extent]
    if extent == side:
        return crop
    image = Image.fromarray(crop if crop.shape[2] == 3 else crop[:, :, 0])
    return np.array(
        image.resize((side, side), Image.Resampling.BOX if extent > side else Image.Resampling.BICUBIC)
    ).reshape(side, side, -1)
