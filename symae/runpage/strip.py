"""A few held-out pictures in the course of a training: strips of small PNGs, and what is said of each picture.

previews/strip.json     which strips there are, in their order
previews/clean.png      what does not change: clean and damaged; or image and given map; or image
previews/epoch-0003.png what the model made of it after epoch 3
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from serve.files import appears_whole
from symae.drawing import to_pixels

if TYPE_CHECKING:
    from torch import Tensor

    from symae.preview import Look

__all__ = ["FOLDER", "MOST_EPOCHS", "PICTURES", "Strip", "StripRow", "add", "drop_after", "kept_epochs", "read_strip"]

FOLDER = "previews"
INDEX = "strip.json"
PICTURES = 6
MOST_EPOCHS = 8  # that are kept
AREA = PICTURES * 80 * 80  # pixels of a strip: at most about 110 kB of PNG, and there are ten of them


@dataclass(frozen=True)
class StripRow:
    """One strip.

    Attributes:
        name: "clean", "damaged", "restored", "image", "given" or "predicted".
        epoch: after which the model made it; 0: it does not depend on the model.
        file: of the PNG beside strip.json; empty where there are words alone.
        words: one a picture, or none.
    """

    name: str
    epoch: int = 0
    file: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strip:
    """All strips of a run.

    Attributes:
        rows: those that do not change first, then by epoch.
        pictures: how many stand beside each other.
        size: (width, height) in pixels of a strip.
        held_out: whether the model has not seen them in training.
        classes: (name, (red, green, blue)) of label maps; else empty.
    """

    rows: tuple[StripRow, ...]
    pictures: int
    size: tuple[int, int]
    held_out: bool
    classes: tuple[tuple[str, tuple[int, int, int]], ...] = ()

    @property
    def epochs(self) -> tuple[int, ...]:
        """After which there is one."""
        return tuple(sorted({row.epoch for row in self.rows if row.epoch}))

    @property
    def side(self) -> float:
        """The width of one picture, in pixels of a strip."""
        width, height = self.size
        return (width - (self.pictures - 1) * max(2, height // 16)) / self.pictures


@dataclass(frozen=True)
class Origin:
    """What is to be said of the pictures; see `Strip`."""

    held_out: bool
    classes: tuple[tuple[str, tuple[int, int, int]], ...] = field(default=())


def kept_epochs(epochs: int, most: int = MOST_EPOCHS) -> set[int]:
    """The epochs after which a training of a length is looked at: the first, the last, and others at like ratios."""
    return {round(epochs ** (number / (most - 1))) for number in range(most)}


def add(run: Path, seen: Look, epoch: int, origin: Origin) -> None:
    """Keep what a model makes of the pictures after an epoch; of too many epochs the most crowded goes."""
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    before = read_strip(run)
    fixed = [_save(folder, name, 0, images, seen.truth) for name, images in seen.given.items()]
    made = [_save(folder, name, epoch, images, seen.said) for name, images in seen.made.items()]
    made = made or [StripRow("predicted", epoch, "", seen.said)]
    earlier = [row for row in (before.rows if before else ()) if 0 < row.epoch < epoch]
    kept = _thinned(sorted({*(row.epoch for row in earlier), epoch}))
    with Image.open(folder / fixed[0].file) as first:
        width, height = first.size
    rows = (*fixed, *(row for row in (*earlier, *made) if row.epoch in kept))
    _write(folder, Strip(rows, len(next(iter(seen.given.values()))), (width, height), origin.held_out, origin.classes))


def drop_after(run: Path, epoch: int) -> None:
    """Forget what was kept of later epochs, which will be run again."""
    strip = read_strip(run)
    if strip is not None:
        _write(run / FOLDER, replace(strip, rows=tuple(row for row in strip.rows if row.epoch <= epoch)))


def read_strip(run: Path) -> Strip | None:
    """Read a run's strips, without those whose file is not beside their list; None where that is missing or damaged."""
    folder = run / FOLDER
    try:
        found = json.loads((folder / INDEX).read_text())
        rows = tuple(StripRow(**{**row, "words": tuple(row["words"])}) for row in found["rows"])
        kept = tuple(row for row in rows if not row.file or _beside(folder, row.file))
        classes = tuple((name, tuple(colour)) for name, colour in found["classes"])
        strip = Strip(kept, found["pictures"], tuple(found["size"]), found["held_out"], classes)
        return strip if strip.pictures >= 1 and strip.side >= 1 else None
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError):
        return None


def _beside(folder: Path, file: str) -> bool:
    """Whether a file is there, in the folder itself: a page shows no other."""
    return Path(file).name == file and (folder / file).is_file()


def _thinned(epochs: Sequence[int]) -> set[int]:
    kept = list(epochs)
    while len(kept) > MOST_EPOCHS:
        crowded = min(range(1, len(kept) - 1), key=lambda at: kept[at + 1] / kept[at - 1])
        del kept[crowded]
    return set(kept)


def _save(folder: Path, name: str, epoch: int, images: Tensor, words: tuple[str, ...]) -> StripRow:
    file = f"epoch-{epoch:04}.png" if epoch else f"{name}.png"
    with appears_whole(folder / file) as partial:
        _strip(images, whole=name in ("image", "given", "predicted")).save(partial, "PNG", optimize=True)
    return StripRow(name, epoch, file, words)


def _strip(images: Tensor, *, whole: bool) -> Image.Image:
    """Lay pictures (B, C, H, W) beside each other, with transparent gaps.

    Args:
        images: all of one size.
        whole: show large ones reduced; else their middle, so that each pixel is one.
    """
    count, _, height, width = images.shape
    side = int((AREA / count) ** 0.5)
    if whole:
        factor = min(1.0, side / max(height, width))
        size = max(1, round(height * factor)), max(1, round(width * factor))
    else:
        size = min(height, side), min(width, side)
        top, left = (height - size[0]) // 2, (width - size[1]) // 2
        images = images[:, :, top : top + size[0], left : left + size[1]]
    gap = max(2, size[1] // 16)
    sheet = Image.new("RGBA", (count * size[1] + (count - 1) * gap, size[0]))
    for number, image in enumerate(images):
        sheet.paste(Image.fromarray(to_pixels(image, size)), (number * (size[1] + gap), 0))
    return sheet


def _write(folder: Path, strip: Strip) -> None:
    """Write the list first, then remove what it no longer names."""
    with appears_whole(folder / INDEX) as file:
        file.write_text(json.dumps(asdict(strip), indent=1) + "\n")
    _remove_others(folder, {row.file for row in strip.rows})


def _remove_others(folder: Path, names: Iterable[str]) -> None:
    kept = set(names)
    for file in folder.glob("*.png"):
        if file.name not in kept:
            file.unlink()
