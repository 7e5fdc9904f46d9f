"""Whether the models at some places load."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from symae.doctor.finding import Finding

__all__ = ["check_models"]

WEIGHTS = "model.safetensors"  # as of `symae.weights`, which needs PyTorch


def check_models(paths: Sequence[Path]) -> Iterator[Finding]:
    """Load the model that comes with symae, and the newest version of every model at the paths, on the CPU.

    Args:
        paths: repositories, folders of one model, .onnx files; or run directories.
    """
    from serve.shipped import FOLDER

    for path in (FOLDER, *paths):
        is_run = any((path / name).is_file() for name in ("recipe.json", WEIGHTS))
        yield from _run(path) if is_run else _repository(path)


def _repository(path: Path) -> Iterator[Finding]:
    from serve.errors import RepositoryError
    from serve.repository import find_models

    try:
        files = find_models(path)
    except RepositoryError as error:
        yield Finding("models", str(error), f"write one with symae export RUN --repository {path}, or give its path")
        return
    if importlib.util.find_spec("onnxruntime") is None:
        yield Finding("models", f"{len(files)} in {path}, which nothing here can run")
        return
    from serve.session import RuntimeOptions, open_session

    for file in files:
        try:
            about = open_session(file, RuntimeOptions(providers=("CPU",))).metadata
        except RepositoryError as error:
            yield Finding("models", str(error), f"delete {file.path.parent}, and export it anew with symae export")
            continue
        size = file.path.stat().st_size / 1e6
        yield Finding("models", f"{file.name} version {file.version} loads: {about.kind}, {size:.1f} MB")


def _run(path: Path) -> Iterator[Finding]:
    weights = path / WEIGHTS
    if not weights.is_file():
        remedy = f"go on with it: symae train RECIPE --out {path} --resume"
        yield Finding("models", f"{path} is a run without finished weights", remedy)
        return
    what = f"{path} is a run with weights of {weights.stat().st_size / 1e6:.1f} MB"
    if importlib.util.find_spec("torch") is None:
        yield Finding("models", f"{what}; to export them, symae[train] is needed")
        return
    from symae.errors import RunError
    from symae.weights import load

    try:
        yield Finding("models", f"{what}: {type(load(path)[0]).__name__}")
    except RunError as error:
        yield Finding("models", str(error), "copy the run anew from where it was trained")
