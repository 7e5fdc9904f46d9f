"""The models that a server holds, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from serve.batcher import Batcher
from serve.blocks import Fit
from serve.config import ServeConfig
from serve.errors import ModelNotFoundError, RequestError, Violation
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
        """Find the model that a request means.

        Args:
            kind: what the call needs.
            name: empty where the server has exactly one of that kind.

        Raises:
            ModelNotFoundError: no model of that name.
            RequestError: it is of another kind, or no name was given and there is not exactly one.
        """
        if not name:
            return self._only(kind)
        if name not in self._by_name:
            raise ModelNotFoundError(f"no model {name!r}, this server has {', '.join(self._by_name)}")
        model = self._by_name[name]
        if model.metadata.kind != kind:
            raise _bad(f"{name!r} is of kind {model.metadata.kind}, this call needs {kind}: {self._names(kind)}")
        return model

    async def close(self) -> None:
        """Stop all run threads; what waits is failed as unavailable."""
        await asyncio.gather(*(model.batcher.close() for model in self))

    def _only(self, kind: Kind) -> Model:
        found = [model for model in self if model.metadata.kind == kind]
        if len(found) != 1:
            raise _bad(f"needs a name unless there is exactly one {kind}: {self._names(kind)}")
        return found[0]

    def _names(self, kind: Kind) -> str:
        names = [model.name for model in self if model.metadata.kind == kind]
        return f"this server has {', '.join(names) or 'none'}"


def _bad(description: str) -> RequestError:
    return RequestError(Violation("model", description))
