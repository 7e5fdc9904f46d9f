"""What the page says: sentences in place of stack traces, numbers with their units."""

from __future__ import annotations

import html
import logging
import math

import numpy as np
from numpy.typing import NDArray

from serve.errors import OverloadError, ServeError
from serve.image import ImageError
from symae.errors import SymaeError

__all__ = ["count", "decibels", "difference", "failure", "note", "plural", "seconds", "share", "size", "tiles"]

log = logging.getLogger(__name__)


def failure(error: Exception) -> str:
    """Say in a sentence what went wrong and what to do, as an alert."""
    return f'<p class="say bad" role="alert">{html.escape(_sentence(error))}</p>'


def note(text: str) -> str:
    """Say something that went well."""
    return f'<p class="say" role="status">{html.escape(text)}</p>' if text else ""


def tiles(*pairs: tuple[str, str]) -> str:
    """Show a few numbers large, each with its name."""
    items = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="tiles">{items}</dl>'


def size(pixels: NDArray[np.uint8]) -> str:
    """Name the size of (H, W, C): width first, as everybody does."""
    height, width = pixels.shape[:2]
    return f"{count(width)} × {count(height)} pixels"


def decibels(value: float) -> str:
    """Name a PSNR; equal pictures have no finite one."""
    return "equal" if math.isinf(value) else f"{value:.1f} dB"


def difference(after: float, before: float) -> str:
    """Name a gain of PSNR; where one is infinite, there is none to name."""
    return f"{after - before:+.1f} dB" if math.isfinite(after - before) else "–"


def seconds(value: float) -> str:
    """Name a time."""
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def share(value: float) -> str:
    """Name a part of a whole; what is there is never 0 %."""
    return "< 0.1 %" if 0 < value < 0.001 else f"{100 * value:.1f} %"


def count(number: int) -> str:
    """Write a whole number in groups of three."""
    return f"{number:,}".replace(",", "\u202f")


def plural(number: int, noun: str) -> str:
    """Count things."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _sentence(error: Exception) -> str:
    if isinstance(error, OverloadError):
        return "The server has more to do than it can take: try again in a moment."
    if isinstance(error, ServeError | SymaeError | ImageError):
        text = str(error).removeprefix("images[0]: ").removeprefix("images[0].")
        begins = text[:1].upper() if text.partition(" ")[0].isalpha() else text[:1]  # the name of a file stays
        return f"{begins}{text[1:]}{'' if text.endswith('.') else '.'}"
    log.error("a fault of the page", exc_info=error)
    return f"This went wrong on our side ({type(error).__name__}); the terminal of symae ui says more."
