"""From bytes to pixels: the one place where an image file becomes an array.

The server and the training data both read images through this module, so a model sees in
production exactly the pixels that it was trained on. It needs Pillow and NumPy alone.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = [
    "EXTENSIONS",
    "LONGEST",
    "MAX_PIXELS",
    "ImageError",
    "centre_crop",
    "convert",
    "decode",
    "fitted_size",
    "is_gray",
    "is_gray_mode",
    "opened",
    "read",
    "resize_and_crop",
    "resize_shorter_side",
    "to_gray",
    "to_pixels",
]

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
# Pillow knows more, some of which run other programs (EPS) or are no pictures (PDF).
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
MAX_PIXELS = 100_000_000  # 100 megapixels, 300 MB as RGB
LONGEST = 8  # times the shorter side: what lies further from the centre is not resized where it would be cropped

Pixels = NDArray[np.uint8]


class ImageError(ValueError):
    """An image that cannot be read; the message says why, without naming the file."""


def read(path: Path, *, channels: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Read an image file; see `decode`.

    Raises:
        ImageError: the file is missing, unreadable, or not an image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error
    return decode(data, channels=channels, max_pixels=max_pixels)


def decode(data: bytes, *, channels: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an encoded image (JPEG, PNG, WebP and what else Pillow reads) as a camera showed it.

    The EXIF orientation is applied, the first frame of an animation taken, transparency laid on
    white, 16-bit samples scaled to 8 bits, and every colour mode converted to RGB or gray.

    Args:
        data: one encoded image.
        channels: 3 for RGB, 1 for gray.
        max_pixels: largest accepted H x W, checked on the header, before any pixel is decoded.

    Returns:
        (H, W, C) uint8 in [0, 255], C-contiguous and writable.

    Raises:
        ImageError: the bytes are empty, truncated, no image, or larger than `max_pixels`.
    """
    with opened(data, max_pixels) as image:
        return to_pixels(convert(ImageOps.exif_transpose(image), channels))


@contextmanager
def opened(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """Open an encoded image whose pixels are not decoded yet; whatever fails in the block becomes an `ImageError`."""
    if not data:
        raise ImageError("the image is empty (0 bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of broken EXIF and of sizes; the size is checked here
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > max_pixels:
                    raise ImageError(
                        f"the image has {image.width} x {image.height} pixels, more than the limit of {max_pixels}"
                    )
                yield image
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError("not an image, or of an unknown format") from error
    # Pillow's plugins raise whatever a broken file leads them into: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise ImageError(f"broken image: {error}") from error


def convert(image: Image.Image, channels: int) -> Image.Image:
    """Convert any colour mode to RGB (3 channels) or gray (1), as `decode` says."""
    return _convert(image, "RGB" if channels == 3 else "L")


def to_pixels(image: Image.Image) -> Pixels:
    """Give an RGB or gray image as (H, W, C) uint8."""
    return np.array(image, np.uint8).reshape(image.height, image.width, -1)


def is_gray(path: Path) -> bool:
    """Tell by its header whether an image file holds gray alone, with transparency or without, of any depth.

    Raises:
        ImageError: the file is missing, unreadable, or not an image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                return is_gray_mode(image.mode)
    except Exception as error:  # as in `decode`
        raise ImageError(f"broken image: {error}") from error


def is_gray_mode(mode: str) -> bool:
    """Tell whether a colour mode of Pillow's is gray alone, with transparency or without, of any depth."""
    return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")


def to_gray(pixels: Pixels) -> Pixels:
    """Convert (H, W, C) uint8 to its luminance (H, W, 1); gray stays as it is."""
    if pixels.shape[2] == 1:
        return pixels
    return np.array(Image.fromarray(pixels).convert("L"), np.uint8)[:, :, None]


def resize_shorter_side(pixels: Pixels, side: int) -> Pixels:
    """Resize so that the shorter side is `side` pixels, keeping the aspect ratio (bilinear, antialiased).

    Args:
        pixels: (H, W, C) uint8.
        side: > 0; an image whose shorter side already is `side` is returned as it is.

    Raises:
        ImageError: the result would have more than `MAX_PIXELS`, as that of a very thin image.
    """
    height, width = pixels.shape[:2]
    shorter = min(height, width)
    if shorter == side:
        return pixels
    size = fitted_size(width, height, side)
    if math.prod(size) > MAX_PIXELS:
        raise ImageError(
            f"resized to a shorter side of {side}, the image of {width} x {height} would have {size[0]} x {size[1]} "
            f"pixels, more than the limit of {MAX_PIXELS}"
        )
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
    return to_pixels(image.resize(size, Image.Resampling.BILINEAR))


def fitted_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Give width and height of an image whose shorter side becomes `side`."""
    shorter = min(width, height)
    return max(side, round(width * side / shorter)), max(side, round(height * side / shorter))


def resize_and_crop(pixels: Pixels, side: int, crop: int) -> Pixels:
    """Resize so that the shorter side is `side` pixels, then cut a square out of the centre.

    The same as `resize_shorter_side` and `centre_crop`, but the ends of an image more than 8 times as long
    as it is wide are cut off first: it would need memory without bound for pixels that are cropped anyway.

    Args:
        pixels: (H, W, C) uint8.
        side: > 0.
        crop: at most `side`.

    Returns:
        (crop, crop, C) uint8.

    Raises:
        ImageError: as for `resize_shorter_side`.
    """
    height, width = pixels.shape[:2]
    longest = LONGEST * min(height, width)
    if max(height, width) > longest:
        pixels = centre_crop(pixels, min(height, longest), min(width, longest))
    return centre_crop(resize_shorter_side(pixels, side), crop, crop)


def centre_crop(pixels: Pixels, height: int, width: int) -> Pixels:
    """Cut out the centre; the offset is rounded down where it does not halve.

    Args:
        pixels: (H, W, C) uint8, at least `height` x `width`.
    """
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # 16 and 32 bits: Pillow itself would clip, not scale
        wide = np.asarray(image, np.float64)
        top = 65535.0 if image.mode.startswith("I") and wide.max() > 255 else 255.0
        image = Image.fromarray(np.clip(wide * (255.0 / top) + 0.5, 0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert(mode)
