"""The model that comes with symae, so that photographs can be restored before anything is trained.

Its repository lies beside this file, inside the wheel: serve/shipped/NAME/VERSION/model.onnx; README.md is its card.
"""

from __future__ import annotations

from pathlib import Path

from serve.errors import RepositoryError
from serve.repository import ModelFile, find_models

__all__ = ["FOLDER", "about_shipped", "shipped_models"]

FOLDER = Path(__file__).parent / "shipped"
PURPOSE = "trained to remove noise of unknown strength from photographs, and to fill small holes that a mask marks"


def shipped_models() -> Path:
    """Find the repository of the shipped model.

    Raises:
        RepositoryError: this installation has none.
    """
    _shipped()
    return FOLDER


def about_shipped() -> str:
    """Say in one line which model it is and what it was trained for.

    Raises:
        RepositoryError: this installation has none.
    """
    file = _shipped()
    return f"{file.name} version {file.version}, which comes with symae: {PURPOSE}"


def _shipped() -> ModelFile:
    try:
        return find_models(FOLDER)[0]
    except RepositoryError as error:
        remedy = "give a model repository, as symae export writes it, or the --address of a server"
        raise RepositoryError(
            f"this symae was installed without its own model ({FOLDER} has none): {remedy}"
        ) from error
