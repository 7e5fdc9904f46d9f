"""Where models lie on disk.

    models/NAME/VERSION/model.onnx      VERSION is a number; the newest that works is served

Folders whose names begin with a dot are passed over: an export in progress writes to one. The layout is
that of NVIDIA Triton, so the same folder can be given to either server. The config.pbtxt beside the
versions is for Triton: what this server needs stands inside model.onnx.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serve.errors import RepositoryError

__all__ = ["ModelFile", "Stamp", "find_models", "list_versions", "read_stamp"]

FILE = "model.onnx"
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class ModelFile:
    """One version of one model on disk.

    Attributes:
        name: of the model, its folder's name.
        version: its folder's name, a number; "1" for a file outside a repository.
        path: the model.onnx itself.
    """

    name: str
    version: str
    path: Path


def read_stamp(path: Path) -> Stamp | None:
    """Tell one state of a file from another: size, time of the last change, inode; None: it is gone.

    Raises:
        OSError: the file cannot be looked at, which is not the same as gone.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino)


def find_models(path: Path) -> tuple[ModelFile, ...]:
    """List the newest version of every model.

    Args:
        path: a repository, the folder of one model, or one .onnx file.

    Returns:
        At least one, by name.

    Raises:
        RepositoryError: nothing is there, or no model is in it.
    """
    found = list_versions(path)
    if not found:
        raise RepositoryError(
            f"no model in {path}: expected {path}/NAME/1/{FILE}, which symae export RUN --repository {path} writes"
        )
    return tuple(versions[0] for versions in found.values())


def list_versions(path: Path) -> Mapping[str, tuple[ModelFile, ...]]:
    """List every version of every model.

    Args:
        path: a repository, the folder of one model, or one .onnx file.

    Returns:
        Name -> its versions, newest first, at least one; the names in their order.

    Raises:
        RepositoryError: nothing is there, or a folder cannot be read.
    """
    try:
        if not path.exists():
            raise RepositoryError(f"no such model repository: {path}")
        if path.is_file():
            file = _from_file(path)
            return {file.name: (file,)}
        if own := _versions(path):
            return {own[0].name: own}
        folders = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
        return {found[0].name: found for folder in folders if (found := _versions(folder))}
    except OSError as error:
        raise RepositoryError(f"cannot read the model repository {path}: {error.strerror}") from error


def _versions(folder: Path) -> tuple[ModelFile, ...]:
    try:
        numbers = [child.name for child in folder.iterdir() if child.name.isdecimal() and (child / FILE).is_file()]
    except (FileNotFoundError, NotADirectoryError):  # gone since it was listed
        return ()
    name = folder.resolve().name
    return tuple(ModelFile(name, n, folder / n / FILE) for n in sorted(numbers, key=int, reverse=True))


def _from_file(path: Path) -> ModelFile:
    folder = path.resolve().parent
    if path.name == FILE and folder.name.isdecimal():
        return ModelFile(folder.parent.name, folder.name, path)
    return ModelFile(path.stem, "1", path)
