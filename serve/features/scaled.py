"""An image as a model takes it: decoded and fitted in one go, a JPEG at a reduced scale where that is close enough.

A JPEG is stored as blocks of 8 x 8 frequencies; libjpeg can leave out the higher ones and give an image of a half, a
quarter or an eighth of the size for a fraction of the work. This is done only where the reduced image still has at
least `MARGIN` times the side that is wanted, so that resizing averages over what the two ways do differently. On 200
photographs brought from 256 pixels to 64, to 48 and to 32 the pixels then differ by 0.4 to 1.0 of 255 on the
average, by 2.3 in the worst photograph, by 22 in the worst pixel. The edge of the full image is kept to a fraction of
a pixel: without that the worst photograph differs by 6.4, the worst pixel by 65.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from serve import image as pixels
from serve.blocks import Fit

__all__ = ["MARGIN", "Sized", "decode_fitted"]

MARGIN = 2
SCALES = (8, 4, 2)
ON_ITS_SIDE = 5  # orientations of EXIF from here on exchange width and height


@dataclass(frozen=True, slots=True)
class Sized:
    """An image as the model takes it, (H, W, C) uint8, and the width and height that it had in its file."""

    image: NDArray[np.uint8]
    width: int
    height: int


def decode_fitted(data: bytes, *, channels: int, fit: Fit | None, max_pixels: int, reduce: bool) -> Sized:
    """Decode an image and fit it.

    Args:
        data: one encoded image.
        channels: 3 for RGB, 1 for gray.
        fit: the model's rule; None: the image stays as it is.
        max_pixels: most pixels of the image in the file.
        reduce: decode JPEG at a reduced scale where the result is nearly the same; without it, and for all other
            formats, it is to the bit that of `serve.image.decode` and `fit`.

    Raises:
        ImageError: as of `serve.image.decode`.
    """
    if fit is None:
        image = pixels.decode(data, channels=channels, max_pixels=max_pixels)
        return Sized(image, image.shape[1], image.shape[0])
    with pixels.opened(data, max_pixels) as stored:
        size, scale = stored.size, _scale(stored, fit.resize) if reduce else 1
        if scale > 1:
            stored.draft(None, (size[0] // scale, size[1] // scale))
            return _from_reduced(stored, size, scale, channels, fit)
        upright = pixels.convert(ImageOps.exif_transpose(stored), channels)
        return Sized(_fitted(upright, fit), *upright.size)


def _scale(image: Image.Image, side: int) -> int:
    """Choose the smallest image that is large enough."""
    shorter, longer = sorted(image.size)
    if image.format != "JPEG" or longer > pixels.LONGEST * shorter:
        return 1
    return next((scale for scale in SCALES if shorter // scale >= MARGIN * side), 1)


def _from_reduced(image: Image.Image, size: tuple[int, int], scale: int, channels: int, fit: Fit) -> Sized:
    """Resize what of the reduced image the full one covers: its last column and row may reach beyond."""
    covered = (0, 0, size[0] / scale, size[1] / scale)
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= ON_ITS_SIDE
    converted = pixels.convert(image, channels)
    small = converted.resize(pixels.fitted_size(*size, fit.resize), Image.Resampling.BILINEAR, box=covered)
    square = pixels.centre_crop(pixels.to_pixels(ImageOps.exif_transpose(small)), fit.crop, fit.crop)
    return Sized(square, *(size[::-1] if turned else size))


def _fitted(image: Image.Image, fit: Fit) -> NDArray[np.uint8]:
    """Resize before the copy to an array where no ends are to be cut off first."""
    shorter, longer = sorted(image.size)
    if longer > pixels.LONGEST * shorter or shorter == fit.resize:
        return fit(pixels.to_pixels(image))
    small = image.resize(pixels.fitted_size(*image.size, fit.resize), Image.Resampling.BILINEAR)
    return pixels.centre_crop(pixels.to_pixels(small), fit.crop, fit.crop)
