"""Data for a session: folders as they are, archives unpacked once into the state folder."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from symae.errors import DataError, InputError

__all__ = ["prepare"]


def prepare(given: Iterable[str], state: Path) -> dict[str, str]:
    """Read "NAME=PATH" and make every path a folder.

    Args:
        given: PATH is a folder, or a tar archive of one, compressed or not; the folder that comes of it bears the
            archive's name without its ending, which is what results call the data.
        state: archives are unpacked below it, unless they have been.

    Raises:
        InputError: there is no "=".
        DataError: a path does not exist, or is neither a folder nor an archive.
    """
    folders = {}
    for item in given:
        name, equals, path = item.partition("=")
        if not equals:
            raise InputError(f"--data {item!r} has no path: write NAME=PATH, e.g. cifar10=cifar10.tar.xz")
        folders[name] = str(_folder(Path(path).expanduser(), state / "data"))
    return folders


def _folder(path: Path, below: Path) -> Path:
    if path.is_dir():
        return path
    if not path.is_file():
        raise DataError(f"{path} does not exist: give a folder of images, or a tar archive of one")
    stem, ending, _ = path.name.partition(".tar")
    if not ending:
        raise DataError(f"{path} is no archive: expected a .tar, a .tar.gz or a .tar.xz of a folder of images")
    folder, partial = below / stem, below / f".{stem}.partial"
    if not folder.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            with tarfile.open(path) as archive:
                archive.extractall(partial, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise DataError(f"{path} cannot be unpacked: {error}") from error
        partial.rename(folder)
    return folder
