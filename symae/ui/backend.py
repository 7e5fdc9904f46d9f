"""The server behind the page: which models it has, and calls that say at once when it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from serve import image
from serve.calling.results import ModelInfo
from serve.client import Client
from serve.errors import ModelNotFoundError, UnavailableError
from serve.metadata import Kind

__all__ = ["Backend", "as_sent", "timed"]

R = TypeVar("R")
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Backend:
    """A connection.

    Attributes:
        client: may be used by many threads.
        where: how to name the server in a sentence.
    """

    client: Client
    where: str

    def models(self, kind: Kind | None = None) -> tuple[ModelInfo, ...]:
        """List what is served.

        Raises:
            UnavailableError: the server does not answer. It is asked for its health first: a call itself would try
                for seconds, before eyes that wait.
        """
        if not self.client.healthy():
            raise UnavailableError(f"{self.where} does not answer: is it still running? Try again when it is")
        return tuple(info for info in self.client.models() if kind in (None, info.kind))

    def pick(self, kind: Kind, name: str | None) -> ModelInfo:
        """Choose a model by its name; without one, the first of its kind.

        Raises:
            ModelNotFoundError: there is none, or none of that name any more.
            UnavailableError: the server does not answer.
        """
        models = self.models(kind)
        chosen = [info for info in models if info.name == name] or ([] if name else list(models))
        if not chosen:
            what = f"{name} is no longer served" if name else f"no {kind} is served"
            raise ModelNotFoundError(f"{what}: reload the page to see which models there are")
        return chosen[0]


def timed(call: Callable[[], R]) -> tuple[R, float]:
    """Call, and tell how many seconds it took as the caller sees them."""
    began = time.perf_counter()
    return call(), time.perf_counter() - began


def as_sent(pixels: Pixels, model: ModelInfo) -> Pixels:
    """Bring pixels (H, W, 3) to the channels of a model."""
    return image.to_gray(pixels) if model.channels == 1 else pixels
