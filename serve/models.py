"""The models that a server holds, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from serve.batcher import Batcher
from serve.blocks import Fit
from serve.catalogue import pick
from serve.config import ServeConfig
from serve.metadata import Kind, ModelMetadata
from serve.session import Session
from serve.statistics import ModelStatistics
from serve.waiting import BatchLimits

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
    """All models of a server; made on its event loop."""

    def __init__(self, sessions: Iterable[Session], config: ServeConfig) -> None:
        limits = BatchLimits(config.batch_images, config.batch_pixels)
        self._by_name = {
            session.file.name: Model(
                session,
                Batcher(session, limits, config.queue_pixels, name=session.file.name),
                Fit.of(session.metadata),
                config.batch_pixels,
            )
            for session in sessions
        }

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_name.values())

    def pick(self, kind: Kind, name: str) -> Model:
        """Find the model that a request means; see `serve.catalogue.pick`."""
        return pick(self._by_name, kind, name)

    async def close(self) -> None:
        """Stop all run threads; what waits is failed as unavailable."""
        await asyncio.gather(*(model.batcher.close() for model in self))
