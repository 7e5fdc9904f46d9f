"""What the calls need of models, wherever they run: in this process or behind it.

`serve.lifecycle.models` holds models of this process, `serve.fronts` those of another. The calls, the tiles and the
server know these interfaces alone, so a process that only takes calls loads no runtime.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from numpy.typing import NDArray

from serve.batching.batcher import Done
from serve.batching.statistics import ModelStatistics
from serve.blocks import Fit
from serve.errors import ModelNotFoundError, RequestError, Violation
from serve.metadata import Kind, ModelMetadata

__all__ = ["Catalogue", "Changed", "Held", "ModelState", "Queue", "Room", "Served", "State", "find", "pick"]

MAX_NAME = 100  # characters of what a caller sent in a message to it
Array = NDArray[Any]
State = Literal["LOADING", "READY", "UNLOADING", "FAILED"]
Changed = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class ModelState:
    """How it stands with one version of one model.

    Attributes:
        name: of the model.
        version: of the model.
        state: LOADING: being loaded and tried; READY: takes calls; UNLOADING: answers what it accepted;
            FAILED: was refused, and is not tried again until its file changes.
        reason: why it failed; else empty.
    """

    name: str
    version: str
    state: State
    reason: str = ""


class Held(Protocol):
    """A request's share of a queue."""

    def resize(self, pixels: int) -> None:
        """Change it to the size that decoding has shown.

        Raises:
            OverloadError: there is no room for it.
        """


class Room(Protocol):
    """How much may wait or run for one model at a time."""

    @property
    def limit(self) -> int:
        """Pixels, at most."""

    @property
    def taken(self) -> int:
        """Pixels that requests hold which are not answered yet."""

    def reserve(self, pixels: int) -> AbstractContextManager[Held]:
        """Hold pixels until the request is answered.

        Raises:
            OverloadError: there is no room for them.
        """


class Queue(Protocol):
    """Where the work for one model waits; see `serve.batching.batcher.Batcher`."""

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
    """One model that can be called; see `serve.lifecycle.models.Model`."""

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
    """The models that can be called at the moment; they may change whenever the event loop is left.

    A request holds room in the queue of its model before it first awaits anything: that keeps the model open.
    """

    def __iter__(self) -> Iterator[Served]:
        """Go through all."""

    def pick(self, kind: Kind, name: str) -> Served:
        """Find the model that a request means; see `pick`."""

    def find(self, name: str, version: str = "") -> Served:
        """Find a model of any kind; see `find`."""

    def states(self) -> Sequence[ModelState]:
        """All versions that are served, on their way in or out, or refused."""

    def subscribe(self, changed: Changed) -> None:
        """Have a function awaited after each model that is added, replaced or removed."""

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
    model = find(models, name)
    if model.metadata.kind != kind:
        raise _bad(f"{name!r} is of kind {model.metadata.kind}, this call needs {kind}: {_names(models, kind)}")
    return model


def find(models: Mapping[str, M], name: str, version: str = "") -> M:
    """Find a model of any kind by its name.

    Args:
        models: by name.
        name: of the model.
        version: empty: the one that is served.

    Raises:
        ModelNotFoundError: no model of that name, or another version of it is served.
    """
    if name not in models:
        raise ModelNotFoundError(f"no model {name[:MAX_NAME]!r}, this server has {', '.join(models) or 'none'}")
    model = models[name]
    if version and version != model.version:
        wanted = f"version {version[:MAX_NAME]!r} of {name!r}"
        raise ModelNotFoundError(f"no {wanted}, this server has version {model.version}")
    return model


def _names(models: Mapping[str, M], kind: Kind) -> str:
    names = [model.name for model in models.values() if model.metadata.kind == kind]
    return f"this server has {', '.join(names) or 'none'}"


def _bad(description: str) -> RequestError:
    return RequestError(Violation("model", description))
