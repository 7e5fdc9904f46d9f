"""Call a server, or models in this process, for many files and write what comes back.

A file that cannot be read or that the server refuses is reported with its name, and the others go on; what is
wrong with the call itself (no such model, nobody listens) ends it. Files of one name in different
folders would overwrite each other's results, so the list is refused.
"""

from __future__ import annotations

import collections
import csv
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve import image
from serve.client import MAX_MESSAGE, Client
from serve.config import ServeConfig
from serve.errors import JobError, ModelNotFoundError, OverloadError, RequestError, ServeError, UnavailableError
from serve.files import appears_whole
from serve.items import list_items
from serve.metadata import Kind
from serve.paths import printable
from serve.results import ModelInfo
from serve.server import load_sessions, running

__all__ = ["Outcome", "classify", "connected", "reconstruct", "segment"]

R = TypeVar("R")
Pixels = NDArray[np.uint8]
OVERLAY = 0.5  # share of the colours in the overlay
TIMEOUT = 600.0
AT_A_TIME = 8


@dataclass(frozen=True)
class Outcome:
    """What was written, what failed and why, and what to show as a table."""

    out: Path
    done: int
    failed: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, ...], ...] = ()


@contextmanager
def connected(address: str | None, models: Path | None) -> Iterator[Client]:
    """Connect to a server, or serve a repository from this process for as long as it is needed.

    Raises:
        JobError: not exactly one of the two is given.
    """
    if (address is None) == (models is None):
        raise JobError("give either --address HOST:PORT of a server or --models with a model repository")
    if address is not None:
        with Client(address, timeout=TIMEOUT) as client:
            try:
                client.models()  # to say it now, and once
            except UnavailableError as error:
                raise UnavailableError(f"nobody answers at {address}: is symae serve running there?") from error
            yield client
    elif models is not None:
        config = ServeConfig(
            address="localhost:0",
            max_message_bytes=MAX_MESSAGE,
            max_image_pixels=image.MAX_PIXELS,
            queue_pixels=AT_A_TIME * image.MAX_PIXELS,
            default_deadline=TIMEOUT,
        )
        with running(load_sessions(models, config), config) as own, Client(own, timeout=TIMEOUT) as client:
            yield client


def reconstruct(
    client: Client, sources: Sequence[Path], out: Path, *, model: str, mask: Path | None, keep_known: bool
) -> Outcome:
    """Denoise files, and fill what the mask marks as missing in each; writes OUT/NAME.png.

    Raises:
        JobError: there is no image, or no one model to use; results would overwrite each other.
        ModelNotFoundError: no model of that name.
        UnavailableError: the server is gone.
    """
    name = _pick(client, "autoencoder", model).name
    masks = [] if mask is None else [_mask(mask)]

    def call(file: _File) -> None:
        result = client.reconstruct([file.path], masks=masks, model=name, keep_known=keep_known)
        _save(result.images[0], file, out, ".png")

    done, failed = _each(sources, call)
    return Outcome(out, len(done), failed)


def classify(client: Client, sources: Sequence[Path], out: Path, *, model: str, top: int) -> Outcome:
    """Classify files; writes OUT/classes.csv with a row for each and a column for each class.

    Raises:
        JobError, ModelNotFoundError, UnavailableError: as for `reconstruct`.
    """
    info = _pick(client, "classifier", model)
    done, failed = _each(sources, lambda file: client.classify([file.path], model=info.name, top_k=top))
    out.mkdir(parents=True, exist_ok=True)
    with appears_whole(out / "classes.csv") as partial, partial.open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["path", "best", *info.classes])
        for file, result in done:
            row, path = result.probabilities[0], printable(file.path)
            writer.writerow([path, info.classes[int(row.argmax())], *(f"{value:.6f}" for value in row)])
    lines = tuple((printable(file.path), *(f"{c} {p:.3f}" for c, p in result.top[0])) for file, result in done)
    return Outcome(out, len(done), failed, lines)


def segment(client: Client, sources: Sequence[Path], out: Path, *, model: str) -> Outcome:
    """Segment files; writes OUT/NAME.labels.png (the class of each pixel) and OUT/NAME.overlay.png.

    Raises:
        JobError, ModelNotFoundError, UnavailableError: as for `reconstruct`.
    """
    info = _pick(client, "segmenter", model)
    palette = np.array(info.colours, np.uint8)

    def call(file: _File) -> None:
        labels = client.segment([file.path], model=info.name).labels[0]
        under = image.read(file.path, channels=3).astype(np.float32)
        over = palette[labels].astype(np.float32)
        _save(labels[:, :, None], file, out, ".labels.png")
        _save((under + OVERLAY * (over - under)).astype(np.uint8), file, out, ".overlay.png")

    done, failed = _each(sources, call)
    return Outcome(out, len(done), failed)


def _mask(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JobError(f"cannot read the mask {path}: {error.strerror}") from error


@dataclass(frozen=True)
class _File:
    """An image file and its name below the output folder, without suffix."""

    path: Path
    name: Path


def _files(sources: Sequence[Path]) -> list[_File]:
    files = [file for source in sources for file in _below(source)]
    twice = [name for name, count in collections.Counter(file.name for file in files).items() if count > 1]
    if twice:
        same = ", ".join(str(file.path) for file in files if file.name == twice[0])
        raise JobError(f"the results of {same} would have one name: call them one at a time, with another --out")
    return files


def _below(source: Path) -> Iterator[_File]:
    if not source.is_dir():
        yield _File(source, Path(source.stem))
        return
    for item in list_items([source]):
        if item.size is not None:
            raise JobError(f"{item.path}: shards are for symae embed, give files or folders of images")
        yield _File(item.path, item.path.relative_to(source).with_suffix(""))


def _each(
    sources: Sequence[Path], call: Callable[[_File], R]
) -> tuple[list[tuple[_File, R]], tuple[tuple[str, str], ...]]:
    """Call for each file, several at a time; results and errors in the order of the files."""
    files = _files(sources)
    if not files:
        raise JobError(f"no image in {', '.join(map(str, sources))}")

    def attempt(file: _File) -> R | Exception:
        try:
            return _patiently(call, file)
        except UnavailableError:
            raise
        except (OSError, ServeError, image.ImageError) as error:
            return error

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        results = list(zip(files, pool.map(attempt, files), strict=True))
    done = [(file, result) for file, result in results if not isinstance(result, Exception)]
    failed = tuple((printable(file.path), _reason(error)) for file, error in results if isinstance(error, Exception))
    return done, failed


def _patiently(call: Callable[[_File], R], file: _File) -> R:
    """Call, and call again when a full queue says when."""
    ends = time.monotonic() + TIMEOUT
    while True:
        try:
            return call(file)
        except OverloadError as error:
            if time.monotonic() + error.retry_after > ends:
                raise
            time.sleep(error.retry_after)


def _reason(error: Exception) -> str:
    if isinstance(error, RequestError):  # one image a call: its index says nothing
        return "; ".join(violation.description for violation in error.violations)
    return getattr(error, "strerror", None) or str(error)


def _pick(client: Client, kind: Kind, name: str) -> ModelInfo:
    infos = client.models()
    found = [info for info in infos if info.kind == kind and name in ("", info.name)]
    if len(found) == 1:
        return found[0]
    if named := [info for info in infos if info.name == name]:
        raise JobError(f"{name!r} is of kind {named[0].kind}, this needs {kind}: {_names(infos, kind)}")
    if name:
        raise ModelNotFoundError(f"no model {name!r}: {_names(infos, kind)}")
    raise JobError(f"--model is needed unless there is exactly one {kind}: {_names(infos, kind)}")


def _names(infos: Sequence[ModelInfo], kind: Kind) -> str:
    return f"there is {', '.join(info.name for info in infos if info.kind == kind) or 'none'} of kind {kind}"


def _save(array: Pixels, file: _File, out: Path, suffix: str) -> None:
    target = out / file.name.with_name(file.name.name + suffix)
    if target.exists() and target.samefile(file.path):
        raise JobError(f"{target} is the image itself: choose another --out")
    target.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(target) as partial:
        Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0]).save(partial, "PNG")
