"""Where models lie on disk.

    models/NAME/VERSION/model.onnx      VERSION is a number; the newest is served

Folders whose names begin with a dot are passed over: an export in progress writes to one. The layout is
that of NVIDIA Triton, so the same folder can be given to either server. The config.pbtxt beside the
versions is for Triton: what this server needs stands inside model.onnx.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serve.errors import RepositoryError

__all__ = ["ModelFile", "find_models"]

FILE = "model.onnx"


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


def find_models(path: Path) -> tuple[ModelFile, ...]:
    """List the newest version of every model.

    Args:
        path: a repository, the folder of one model, or one .onnx file.

    Returns:
        At least one, by name.

    Raises:
        RepositoryError: nothing is there, or no model is in it.
    """
    if not path.exists():
        raise RepositoryError(f"no such model repository: {path}")
    if path.is_file():
        return (_from_file(path),)
    if own := _newest(path):
        return (own,)
    folders = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    found = [model for folder in folders if (model := _newest(folder))]
    if not found:
        raise RepositoryError(
            f"no model in {path}: expected {path}/NAME/1/{FILE}, which symae export RUN --repository {path} writes"
        )
    return tuple(found)


def _newest(folder: Path) -> ModelFile | None:
    versions = [child for child in folder.iterdir() if child.name.isdecimal() and (child / FILE).is_file()]
    if not versions:
        return None
    newest = max(versions, key=lambda version: int(version.name))
    return ModelFile(folder.resolve().name, newest.name, newest / FILE)


def _from_file(path: Path) -> ModelFile:
    folder = path.resolve().parent
    if path.name == FILE and folder.name.isdecimal():
        return ModelFile(folder.parent.name, folder.name, path)
    return ModelFile(path.stem, "1", path)
