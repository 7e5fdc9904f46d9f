"""Before a model is served: load it, warm it, and see that it gives what its metadata promises.

A model that loads can still be wrong: weights that are not numbers, fewer classes than names, another kind
than the one that its callers know. Here it is run on a black and on a noisy image, and what comes back is
compared with what was promised; the numbers themselves were verified against PyTorch by the export.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.config import ServeConfig
from serve.errors import RepositoryError
from serve.metadata import ModelMetadata
from serve.providers import RuntimeOptions
from serve.repository import ModelFile, read_stamp
from serve.session import INPUTS, OUTPUTS, Session, open_session
from serve.waiting import BatchLimits

__all__ = ["check_like", "check_promises", "load"]

Array = NDArray[Any]
SEED = 0


def load(file: ModelFile, config: ServeConfig, like: ModelMetadata | None = None) -> Session:
    """Load a model so that it can be served from the next moment on.

    Args:
        file: what to load.
        config: providers, sizes to warm and what one run may hold.
        like: of the model that it is to replace.

    Raises:
        RepositoryError: the file is damaged, no model of ours, changed while it was read, or does not keep what
            its metadata promises; or it is of another kind than what it replaces.
        FaultError: it fails on a plain image.
        ConfigError: a provider is named that is not there or does not start.
    """
    stamp = read_stamp(file.path)
    session = open_session(file, RuntimeOptions(config.providers, config.threads, config.tf32, config.device))
    try:
        if read_stamp(file.path) != stamp:
            raise RepositoryError(f"{file.path} changed while it was loaded")
        if like:
            check_like(session, like)
        session.warm_up(config.warm_sizes, BatchLimits(config.batch_images, config.batch_pixels))
        check_promises(session)
    except BaseException:
        session.close()
        raise
    return session


def check_like(session: Session, like: ModelMetadata) -> None:
    """Check that callers of one model can go on with another.

    Raises:
        RepositoryError: the kind or the number of channels differs.
    """
    for rule in ("kind", "channels"):
        new, old = getattr(session.metadata, rule), getattr(like, rule)
        if new != old:
            raise RepositoryError(
                f"{session.file.path}: {rule} {new} where {old} is served under this name: give it another name"
            )


def check_promises(session: Session) -> None:
    """Run a black and a noisy image and check shapes, types and that all numbers are finite.

    Raises:
        RepositoryError: an output is not as the metadata says.
        FaultError: the model fails.
    """
    metadata, side = session.metadata, session.metadata.crop
    image = np.zeros((2, side, side, metadata.channels), np.uint8)
    image[1] = np.random.default_rng(SEED).integers(0, 256, image[1].shape, np.uint8)
    inputs = (image, np.zeros(image.shape[:3], np.uint8))[: len(INPUTS[metadata.kind])]
    names = OUTPUTS[metadata.kind]
    for name, output in zip(names, session.run(inputs, names), strict=True):
        if wrong := _wrong(output, *_promised(metadata, name, image.shape)):
            raise RepositoryError(f"{session.file.path}: {name} of a plain image {wrong}; export the model again")


def _promised(metadata: ModelMetadata, name: str, image: tuple[int, ...]) -> tuple[type, tuple[int | None, ...]]:
    count, height, width, channels = image
    classes = len(metadata.classes)
    per_place = (count, classes) if metadata.kind == "classifier" else (count, classes, height, width)
    return {
        "reconstruction": (np.uint8, (count, height, width, channels)),
        "embedding": (np.float32, (count, metadata.embedding_size)),
        "feature_map": (np.float32, (count, metadata.embedding_size, None, None)),
        "labels": (np.uint8, (count, height, width)),
        "probabilities": (np.float32, per_place),
    }[name]


def _wrong(output: Array, kind: type, shape: tuple[int | None, ...]) -> str:
    fits = len(output.shape) == len(shape) and all(w in (None, g) for g, w in zip(output.shape, shape, strict=True))
    if output.dtype != kind or not fits:
        return f"is {output.dtype} {output.shape}, promised {np.dtype(kind)} {shape}"
    if not np.isfinite(output).all():
        return "has values that are no numbers (NaN or infinity)"
    return ""
