"""Which images a figure shows: files, folders, shards and sets by name, in the order given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from serve.paths import is_tar
from symae.data import NAMES, DataOptions, Dataset, Target, UnreadableImage, open_dataset
from symae.data.batch import decode_ahead
from symae.data.dataset import spread
from symae.data.files import ImageFiles
from symae.data.paths import PathList
from symae.errors import DataError, MissingPartError
from symae.run import Run

__all__ = ["Picture", "load_pictures"]


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of a figure.

    Attributes:
        name: what is written below it.
        source: where it comes from, for the figure's footer.
        path: of its file, or its number in a set.
        image: (1, C, H, W) float32 in [0, 1], on the CPU.
    """

    name: str
    source: str
    path: str
    image: Tensor


def load_pictures(
    sources: Sequence[str], run: Run, *, limit: int, keep_size: bool, say: Callable[[str], None]
) -> list[Picture]:
    """Read the images of a figure, as the run's network takes them.

    Of a folder or a set, its test part is taken where it has one. Of the run's own data, that is what was held
    out; only where nothing was are they training images, and the source says so.

    Args:
        sources: image files, folders, .tar shards, names of sets; none: the run's own data.
        run: says how many channels and which size.
        limit: most images of one folder or set, evenly spread over it.
        keep_size: leave images at their own sizes, not the one that the run brings them to.
        say: gets a line for each image that cannot be read.

    Raises:
        DataError: a source is missing, or not one image can be read.
    """
    resize = None if keep_size else run.recipe.resize
    pictures = [picture for source in sources or [run.data] for picture in _pictures(source, run, limit, resize, say)]
    if not pictures:
        raise DataError(f"none of the images of {', '.join(sources or [run.data])} can be read")
    return pictures


def _pictures(source: str, run: Run, limit: int, resize: int | None, say: Callable[[str], None]) -> list[Picture]:
    dataset, origin = _open(source, run)
    few, pictures = spread(dataset, limit), []
    for index, found in decode_ahead(few, range(len(few)), None, resize):
        if isinstance(found, UnreadableImage):
            say(f"left out: {found}")
            continue
        image = torch.from_numpy(np.ascontiguousarray(found.image)).permute(2, 0, 1)[None].float() / 255
        pictures.append(Picture(Path(few.path(index)).stem, origin, few.path(index), image))
    return pictures


def _open(source: str, run: Run) -> tuple[Dataset, str]:
    """Open a source, and say in a few words what it is."""
    channels, path = run.recipe.network.channels, Path(source).expanduser()
    if source not in NAMES and path.is_file() and not is_tar(path.name):
        return ImageFiles(source, channels, PathList.of(path.parent, [path.name])), "files"
    own = source == run.data or (source not in NAMES and path.resolve() == Path(run.data).expanduser().resolve())
    held_out = DataOptions(channels=channels, validation=run.recipe.validation if own else 0.0, seed=run.seed)
    name = "/".join(path.parts[-2:])
    try:
        return open_dataset(source, target=Target.NONE, part="test", options=held_out), f"{name}, held-out images"
    except MissingPartError:
        whole = open_dataset(source, target=Target.NONE, part="train", options=held_out)
        return whole, f"{name}, training images" if own else name
