"""What the calls need of models, wherever they run: in this process or behind it.

`serve.models` holds models of this process, `serve.fronts` those of another. The calls, the tiles and the server
know these interfaces alone, so a process that only takes calls loads no runtime.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from serve.batcher import Done
from serve.blocks import Fit
from serve.errors import ModelNotFoundError, RequestError, Violation
from serve.metadata import Kind, ModelMetadata
from serve.statistics import ModelStatistics

__all__ = ["Catalogue", "Held", "Queue", "Room", "Served", "pick"]

Array = NDArray[Any]


class Held(Protocol):
    """A request's share of a queue."""

    def resize(self, pixels: int) -> None:
        """Change it to the size that decoding has shown.

        Raises:
            OverloadError: there is no room for it.
        """


class Room(Protocol):
    """How much may wait or run for one model at a time."""

    def reserve(self, pixels: int) -> AbstractContextManager[Held]:
        """Hold pixels until the request is answered.

        Raises:
            OverloadError: there is no room for them.
        """


class Queue(Protocol):
    """Where the work for one model waits; see `serve.batcher.Batcher`."""

    @property
    def budget(self) -> Room:
        """What may wait."""

    async def submit(self, inputs: tuple[Array, ...], outputs: tuple[str, ...], expires: float) -> Done:
        """Run the model on a block of images of one size."""

    def refuse_late(self, images: int, size: int, expires: float) -> None:
        """Say at once that so many images of so many pixels will not be done in time."""

    def stuck(self, seconds: float) -> bool:
        """Tell whether work waits, and no run has begun or ended for so long."""


class Served(Protocol):
    """One model that can be called; see `serve.models.Model`."""

    @property
    def name(self) -> str:
        """As callers name it."""

    @property
    def version(self) -> str:
        """As its folder is named."""

    @property
    def metadata(self) -> ModelMetadata:
        """What it says about itself."""

    @property
    def provider(self) -> str:
        """The execution provider that runs it."""

    @property
    def statistics(self) -> ModelStatistics:
        """What it has done."""

    @property
    def fit(self) -> Fit | None:
        """How images are sized for it; None: as they are."""

    @property
    def run_pixels(self) -> int:
        """Most pixels in one run; a larger image is cut into tiles."""

    @property
    def batcher(self) -> Queue:
        """Its queue."""


class Catalogue(Protocol):
    """The models that can be called at the moment."""

    def __iter__(self) -> Iterator[Served]:
        """Go through all."""

    def pick(self, kind: Kind, name: str) -> Served:
        """Find the model that a request means; see `pick`."""

    async def close(self) -> None:
        """Fail what waits as unavailable, and hold nothing any more."""


M = TypeVar("M", bound=Served)


def pick(models: Mapping[str, M], kind: Kind, name: str) -> M:
    """Find the model that a request means.

    Args:
        models: by name.
        kind: what the call needs.
        name: empty where the server has exactly one of that kind.

    Raises:
        ModelNotFoundError: no model of that name.
        RequestError: it is of another kind, or no name was given and there is not exactly one.
    """
    if not name:
        found = [model for model in models.values() if model.metadata.kind == kind]
        if len(found) != 1:
            raise _bad(f"needs a name unless there is exactly one {kind}: {_names(models, kind)}")
        return found[0]
    if name not in models:
        raise ModelNotFoundError(f"no model {name!r}, this server has {', '.join(models)}")
    model = models[name]
    if model.metadata.kind != kind:
        raise _bad(f"{name!r} is of kind {model.metadata.kind}, this call needs {kind}: {_names(models, kind)}")
    return model


def _names(models: Mapping[str, M], kind: Kind) -> str:
    names = [model.name for model in models.values() if model.metadata.kind == kind]
    return f"this server has {', '.join(names) or 'none'}"


def _bad(description: str) -> RequestError:
    return RequestError(Violation("model", description))
