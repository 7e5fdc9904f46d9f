"""Results as files: whole and lossless, whatever the page shows of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from symae.ui.picture import Picture
from symae.ui.tab import Result

__all__ = ["Downloads"]

LONGEST = 200  # bytes of a file's name, without what is added


@dataclass(frozen=True)
class Downloads:
    """Where results lie while the page runs: a folder that goes with it."""

    folder: Path

    def button(self) -> gr.DownloadButton:
        """Make a button, which is seen once there is something."""
        return gr.DownloadButton("Download as PNG", visible=False, size="sm", elem_classes="download")

    def result(self, button: gr.DownloadButton) -> Result:
        """Say how the button is while there is nothing."""
        return Result(button, gr.update(value=None, visible=False))

    def file(self, picture: Picture, what: str, pixels: NDArray[np.uint8]) -> Any:
        """Write a result (H, W, 3), and give the button its value."""
        place = Path(tempfile.mkdtemp(dir=self.folder))
        path = place / f"{_writable(Path(picture.name).stem)}-{what}.png"
        Image.fromarray(pixels).save(path, compress_level=1)
        return gr.update(value=str(path), visible=True)


def _writable(stem: str) -> str:
    """Shorten what a visitor's file is called to what any file system takes, of up to 255 bytes in all."""
    return stem.replace("\0", "").encode("utf-8", "ignore")[:LONGEST].decode("utf-8", "ignore")
