"""Before a model is served: load it, warm it, and see that it gives what its metadata promises.

A model that loads can still be wrong: weights that are not numbers, fewer classes than names, another kind
than the one that its callers know. Here it is run on a black and on a noisy image, and what comes back is
compared with what was promised; the numbers themselves were verified against PyTorch by the export.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve.batching.waiting import BatchLimits
from serve.config import ServeConfig
from serve.errors import RepositoryError
from serve.metadata import ModelMetadata
from serve.providers import RuntimeOptions
from serve.repository import ModelFile, read_stamp
from serve.session import INPUTS, Session, open_session
from serve.tensors import NUMPY_TYPES, Tensor, outputs_of

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
    session = open_session(file, RuntimeOptions.of(config))
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
    promised = outputs_of(metadata)
    for tensor, output in zip(promised, session.run(inputs, [tensor.name for tensor in promised]), strict=True):
        if wrong := _wrong(tensor, output, image.shape):
            raise RepositoryError(
                f"{session.file.path}: {tensor.name} of a plain image {wrong}; export the model again"
            )


def _wrong(promised: Tensor, output: Array, image: tuple[int, ...]) -> str:
    kind, shape = NUMPY_TYPES[promised.datatype], promised.shape(*image[:3])
    if output.dtype != kind or output.shape != shape:
        return f"is {output.dtype} {output.shape}, promised {kind} {shape}"
    if not np.isfinite(output).all():
        return "has values that are no numbers (NaN or infinity)"
    return ""
