"""A file that somebody dropped: its pixels as every model sees them, and in a sentence what was made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve import image
from symae.errors import DataError, InputError
from symae.ui.words import plural, size

__all__ = ["Picture", "chosen", "enlarged", "factor", "open_picture", "reduced", "shown"]

ORIENTATION = 274  # EXIF tag; 1: as it is
LARGEST_SHOWN = 1600  # longer side in pixels of what the browser gets; results are computed at full size
KINDS = "JPEG, PNG, WebP, BMP, TIFF, GIF or PPM"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """What the tabs work on.

    Attributes:
        name: of the file.
        pixels: (H, W, 3) uint8.
        gray: the file holds gray alone, so that what comes back is shown in gray, too.
        about: what it is and what was made of it.
        path: where it lies, if the table of features may name it.
    """

    name: str
    pixels: Pixels
    gray: bool
    about: str
    path: Path | None = None

    def like(self, pixels: Pixels) -> Pixels:
        """Bring what a model answered to this picture's colours: (H, W, 3), gray if the picture is."""
        answer = image.to_gray(pixels) if self.gray else pixels
        return np.repeat(answer, 3, axis=2) if answer.shape[2] == 1 else answer


def open_picture(path: Path, name: str = "", *, known: bool = False) -> Picture:
    """Read a file.

    Args:
        path: where it lies.
        name: what it is called; empty: as its path.
        known: it lies where it is at home, and is no copy of an upload.

    Raises:
        DataError: it is no picture, broken, or too large; the sentence names it.
    """
    name = name or path.name
    try:
        data = path.read_bytes()
        pixels = image.decode(data, channels=3)
        with image.opened(data, image.MAX_PIXELS) as header:
            gray, notes = image.is_gray_mode(header.mode), _notes(header)
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error
    except image.ImageError as error:
        raise DataError(f"{name} cannot be read: {error}. Expected is a whole {KINDS} file.") from error
    about = f"{name}: {size(pixels)}, {'gray' if gray else 'colour'}{''.join(f'; {note}' for note in notes)}."
    return Picture(name, pixels, gray, about, path.resolve() if known else None)


def chosen(picture: Picture | None) -> Picture:
    """Give the picture that was chosen.

    Raises:
        InputError: there is none yet.
    """
    if picture is None:
        raise InputError("first drop a picture, or take one of the samples")
    return picture


def shown(pixels: Pixels) -> Pixels:
    """Reduce what is larger than a screen; the rest stays as it is."""
    return reduced(pixels, LARGEST_SHOWN)


def reduced(pixels: Pixels, side: int) -> Pixels:
    """Bring the longer side of (H, W, 3) to at most `side` pixels, each the mean of those it stands for."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    to = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(to, Image.Resampling.BOX, reducing_gap=2.0))


def factor(pixels: Pixels, side: int) -> int:
    """Tell how many times a picture fits into a side: 1 where it is as large already."""
    longer: int = max(pixels.shape[:2])
    return max(1, side // longer)


def enlarged(pixels: Pixels, times: int) -> Pixels:
    """Draw each pixel of (H, W) or (H, W, 3) as a square."""
    return np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)


def _notes(header: Image.Image) -> list[str]:
    notes = []
    if header.mode.startswith("I") or header.mode == "F":
        notes.append("its many shades became 256")
    if header.mode == "CMYK":
        notes.append("its printing inks became red, green and blue")
    if "A" in header.getbands() or "transparency" in header.info:
        notes.append("what is transparent lies on white")
    if header.getexif().get(ORIENTATION, 1) != 1:
        notes.append("turned upright as its EXIF data says")
    if (frames := getattr(header, "n_frames", 1)) > 1:
        notes.append(f"the first of its {plural(frames, 'frame')}")
    return notes
