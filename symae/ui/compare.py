"""Two pictures of one size under a slider, as HTML.

Gradio's own ImageSlider answers the mouse alone: this one is an <input type="range">, which the arrow keys move, too,
and which a screen reader names.
"""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from symae.ui.picture import shown

__all__ = ["beside", "data_uri"]

SMALL = 200  # longer side in pixels below which single pixels are drawn as squares
PHOTO_PIXELS = 1 << 20  # above, JPEG of high quality in place of PNG: a noisy picture of 2 megapixels has 6 MB as PNG
Pixels = NDArray[np.uint8]


def beside(before: Pixels, after: Pixels, names: tuple[str, str], *, crisp: bool = False) -> str:
    """Lay two pictures over each other with a slider between them.

    Args:
        before, after: (H, W, 3) uint8 of one size; what is larger than a screen is reduced.
        names: what they are called.
        crisp: they have edges that must stay sharp, as a label map has.
    """
    left, right = (shown(pixels) for pixels in (before, after))
    names = html.escape(names[0]), html.escape(names[1])
    height, width = left.shape[:2]
    pixelated = " pixelated" if max(height, width) <= SMALL else ""
    return f"""<div class="compare{pixelated}" style="--at: 50%; --width: {width}; --height: {height}">
<div class="stage"><img src="{data_uri(right, crisp=crisp)}" alt="{names[1]}"><img class="over" src="{
        data_uri(left, crisp=crisp)
    }" alt="{names[0]}"><span class="edge" aria-hidden="true"></span>
<input type="range" min="0" max="100" step="1" value="50" aria-label="{names[0]} to the left, {names[1]} to the right"
 oninput="this.closest('.compare').style.setProperty('--at', this.value + '%')"></div>
<div class="names" aria-hidden="true"><span>◀ {names[0]}</span><span>{names[1]} ▶</span></div></div>"""


def data_uri(pixels: Pixels, *, crisp: bool = False) -> str:
    """Put a picture (H, W, 3) into a URL."""
    buffer = io.BytesIO()
    if crisp or pixels.shape[0] * pixels.shape[1] <= PHOTO_PIXELS:
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
        kind = "png"
    else:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
