"""The models that a server holds, by name; one version of each takes calls.

    put ---> READY --- replaced or removed ---> UNLOADING: what it accepted is answered ---> closed, forgotten

All of it belongs to the event loop, so a swap is one assignment: a call that came before it has picked the
old version and reserved room in its queue, and that reservation is what keeps the old version open; a
call that comes after it picks the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from serve.batching.batcher import Batcher
from serve.batching.statistics import ModelStatistics
from serve.batching.waiting import BatchLimits
from serve.blocks import Fit
from serve.catalogue import Changed, ModelState, find, pick
from serve.config import ServeConfig
from serve.errors import UnavailableError
from serve.metadata import Kind, ModelMetadata
from serve.session import Session

__all__ = ["Model", "Models"]


@dataclass(frozen=True)
class Model:
    """One model that is ready to be called.

    Attributes:
        session: what runs.
        batcher: its queue.
        fit: how images are sized for it; None: as they are.
        run_pixels: most pixels in one run; a larger image is cut into tiles.
    """

    session: Session
    batcher: Batcher
    fit: Fit | None
    run_pixels: int

    @property
    def name(self) -> str:
        """As callers name it."""
        return self.session.file.name

    @property
    def version(self) -> str:
        """As its folder is named."""
        return self.session.file.version

    @property
    def metadata(self) -> ModelMetadata:
        """What it says about itself."""
        return self.session.metadata

    @property
    def statistics(self) -> ModelStatistics:
        """What it has done."""
        return self.batcher.statistics

    @property
    def provider(self) -> str:
        """The execution provider that runs it."""
        return self.session.provider


class Models:
    """All models of a server; made and used on its event loop."""

    def __init__(self, sessions: Iterable[Session], config: ServeConfig) -> None:
        self._limits = BatchLimits(config.batch_images, config.batch_pixels)
        self._config = config
        self._by_name: dict[str, Model] = {}
        self._retired: list[Model] = []
        self._notes: dict[tuple[str, str], ModelState] = {}
        self._listeners: list[Changed] = []
        self._closed = False
        for session in sessions:
            self._put(session)

    def __iter__(self) -> Iterator[Model]:
        return iter(tuple(self._by_name.values()))

    def pick(self, kind: Kind, name: str) -> Model:
        """Find the model that a request means; see `serve.catalogue.pick`."""
        return pick(self._by_name, kind, name)

    def find(self, name: str, version: str = "") -> Model:
        """Find a model of any kind; see `serve.catalogue.find`."""
        return find(self._by_name, name, version)

    def subscribe(self, changed: Changed) -> None:
        """Have a function awaited after each model that is added, replaced or removed."""
        self._listeners.append(changed)

    def states(self) -> list[ModelState]:
        """All versions that are served, on their way in or out, or refused, in the order of names and versions.

        A version appears twice while its file on disk is another one than the one that is served.
        """
        states = [ModelState(model.name, model.version, "READY") for model in self]
        states += [ModelState(model.name, model.version, "UNLOADING") for model in self._retired]
        states += self._notes.values()
        return sorted(states, key=lambda state: (state.name, int(state.version), state.state))

    def note(self, state: ModelState) -> None:
        """Take down how it stands with a version that is not served."""
        self._notes[state.name, state.version] = state

    def forget(self, name: str, version: str) -> None:
        """Strike out what was noted."""
        self._notes.pop((name, version), None)

    async def put(self, session: Session) -> None:
        """Serve a session from now on; returns when the version that it replaces is closed.

        Raises:
            UnavailableError: the server is stopping.
        """
        if self._closed:
            raise UnavailableError("the server is stopping")
        await self._changed(self._put(session))

    async def remove(self, name: str) -> None:
        """Serve a model no longer; returns when it is closed."""
        await self._changed(self._by_name.pop(name))

    async def close(self) -> None:
        """Stop all run threads; what waits is failed as unavailable."""
        self._closed = True
        await asyncio.gather(*(model.batcher.close() for model in (*self, *self._retired)))

    def _put(self, session: Session) -> Model | None:
        name = session.file.name
        batcher = Batcher(session, self._limits, self._config.queue_pixels, name=name)
        old = self._by_name.get(name)
        self._by_name[name] = Model(session, batcher, Fit.of(session.metadata), self._config.batch_pixels)
        self.forget(name, session.file.version)
        return old

    async def _changed(self, old: Model | None) -> None:
        """Say that models changed, and see the old one out: what it accepted is answered, then its memory returned."""
        self._retired += [old] if old else []
        for listener in self._listeners:
            await listener()
        if not old:
            return
        try:
            await old.batcher.budget.emptied()
            await old.batcher.close()
            await asyncio.to_thread(old.session.close)
        finally:
            self._retired.remove(old)
