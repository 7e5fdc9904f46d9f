"""Call a server, or models in this process, for many files and write what comes back.

A file that cannot be read or that the server refuses is reported with its name, and the others go on; what is
wrong with the call itself (no such model, nobody listens) ends it. Files of one name in different
folders would overwrite each other's results, so the list is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from serve import image
from serve.calling.connect import AT_A_TIME
from serve.calling.ensemble import reconstruct_turned
from serve.calling.results import ModelInfo
from serve.calling.targets import SourceFile, below, list_files, restored, save
from serve.client import Client
from serve.errors import DeadlineError, JobError, ModelNotFoundError, RequestError, ServeError, UnavailableError
from serve.files import appears_whole
from serve.metadata import Kind
from serve.paths import printable

__all__ = ["Outcome", "classify", "reconstruct", "segment"]

R = TypeVar("R")
Pixels = NDArray[np.uint8]
Scores = tuple[tuple[str, float], ...]
_HOW: dict[str, str] = {
    "autoencoder": "train one with symae train pretrain, and export it with symae export",
    "classifier": "train one with symae train classify, and export it with symae export",
    "segmenter": "train one with symae train segment, and export it with symae export",
}
OVERLAY = 0.5  # share of the colours in the overlay


@dataclass(frozen=True)
class Outcome:
    """What was written, and what failed.

    Attributes:
        out: the folder, or the one picture.
        done: images that were written.
        failed: path and cause of each of the others.
        scored: path of each image that was written, with names and numbers, largest first: the likeliest classes with
            their probabilities, or the classes that are there with their shares of its area; none of a restored one.
    """

    out: Path
    done: int
    failed: tuple[tuple[str, str], ...]
    scored: tuple[tuple[str, Scores], ...] = ()


def reconstruct(
    client: Client,
    sources: Sequence[Path],
    out: Path,
    *,
    model: str,
    mask: Path | None,
    keep_known: bool,
    ensemble: bool,
) -> Outcome:
    """Denoise files, and fill what the mask marks as missing in each.

    A file that holds gray, whatever its depth, gives a gray picture, also where the model works in RGB.

    Args:
        client: of a server with an auto-encoder.
        sources: files and folders of images.
        out: a folder, for OUT/NAME.png; for a single file also the name of the picture to write.
        model: name of the auto-encoder; may be empty where there is one.
        mask: a picture of the images' size, not black where a pixel is missing.
        keep_known: leave the other pixels as they are.
        ensemble: give the mean over the 8 flips and rotations, at 8 times the cost.

    Raises:
        JobError: there is no image, or no one model to use; results would overwrite each other, or cannot be
            written to `out`.
        ModelNotFoundError: no model of that name.
        UnavailableError: the server is gone.
    """
    target = restored(out, sources)
    info = _pick(client, "autoencoder", model)
    holes = None if mask is None else _mask(mask)
    missing = _decoded(holes, mask) if ensemble and holes is not None else None

    def one(path: Path) -> Pixels:
        masks = [] if holes is None else [holes]
        return client.reconstruct([path], masks=masks, model=info.name, keep_known=keep_known).images[0]

    def eight(path: Path) -> Pixels:
        pixels = image.read(path, channels=info.channels)
        return reconstruct_turned(client, pixels, model=info.name, mask=missing, keep_known=keep_known)

    def call(file: SourceFile) -> None:
        picture = eight(file.path) if ensemble else one(file.path)
        save(image.to_gray(picture) if image.is_gray(file.path) else picture, file, target(file))

    done, failed = _each(sources, call)
    return Outcome(out, len(done), failed, tuple((printable(file.path), ()) for file, _ in done))


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
    scored = tuple((printable(file.path), result.top[0]) for file, result in done)
    return Outcome(out, len(done), failed, scored)


def segment(client: Client, sources: Sequence[Path], out: Path, *, model: str) -> Outcome:
    """Segment files; writes OUT/NAME.labels.png (the class of each pixel) and OUT/NAME.overlay.png.

    Raises:
        JobError, ModelNotFoundError, UnavailableError: as for `reconstruct`.
    """
    info = _pick(client, "segmenter", model)
    palette = np.array(info.colours, np.uint8)

    def call(file: SourceFile) -> Scores:
        labels = client.segment([file.path], model=info.name).labels[0]
        under = image.read(file.path, channels=3).astype(np.float32)
        over = palette[labels].astype(np.float32)
        save(labels[:, :, None], file, below(out, file, ".labels.png"))
        save((under + OVERLAY * (over - under)).astype(np.uint8), file, below(out, file, ".overlay.png"))
        return _areas(labels, info.classes)

    done, failed = _each(sources, call)
    return Outcome(out, len(done), failed, tuple((printable(file.path), areas) for file, areas in done))


def _areas(labels: Pixels, classes: Sequence[str]) -> Scores:
    """Shares of the area, largest first, of the classes that are there."""
    shares = np.bincount(labels.ravel(), minlength=len(classes)) / labels.size
    return tuple((classes[i], float(shares[i])) for i in np.argsort(-shares, kind="stable") if shares[i])


def _mask(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JobError(f"cannot read the mask {path}: {error.strerror}") from error


def _decoded(mask: bytes, path: Path | None) -> Pixels:
    try:
        return image.decode(mask, channels=1)[:, :, 0]
    except image.ImageError as error:
        raise JobError(f"cannot read the mask {path}: {error}") from error


def _each(
    sources: Sequence[Path], call: Callable[[SourceFile], R]
) -> tuple[list[tuple[SourceFile, R]], tuple[tuple[str, str], ...]]:
    """Call for each file, several at a time; results and errors in the order of the files."""
    files = list_files(sources)

    def attempt(file: SourceFile) -> R | Exception:
        try:
            return call(file)
        except UnavailableError:
            raise
        except (OSError, ServeError, image.ImageError) as error:
            return error

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        results = list(zip(files, pool.map(attempt, files), strict=True))
    done = [(file, result) for file, result in results if not isinstance(result, Exception)]
    failed = tuple((printable(file.path), _reason(error)) for file, error in results if isinstance(error, Exception))
    return done, failed


def _reason(error: Exception) -> str:
    if isinstance(error, DeadlineError):
        return f"no answer in time ({error}): give a longer --timeout"
    if isinstance(error, RequestError):  # one image a call: its index says nothing
        return "; ".join(violation.description for violation in error.violations)
    return getattr(error, "strerror", None) or str(error)


def _pick(client: Client, kind: Kind, name: str) -> ModelInfo:
    infos = client.models()
    found = [info for info in infos if info.kind == kind and name in ("", info.name)]
    if len(found) == 1:
        return found[0]
    if not name and not found:
        have = ", ".join(f"{info.name} ({info.kind})" for info in infos) or "none"
        raise JobError(f"there is no {kind} among the models: {have}; {_HOW[kind]}")
    if named := [info for info in infos if info.name == name]:
        raise JobError(f"{name!r} is of kind {named[0].kind}, this needs {kind}: {_names(infos, kind)}")
    if name:
        raise ModelNotFoundError(f"no model {name!r}: {_names(infos, kind)}")
    raise JobError(f"--model is needed unless there is exactly one {kind}: {_names(infos, kind)}")


def _names(infos: Sequence[ModelInfo], kind: Kind) -> str:
    return f"there is {', '.join(info.name for info in infos if info.kind == kind) or 'none'} of kind {kind}"
