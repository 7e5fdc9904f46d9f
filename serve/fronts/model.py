"""A model as a front sees it."""

from __future__ import annotations

from dataclasses import dataclass

from serve.blocks import Fit
from serve.config import ServeConfig
from serve.fronts.arena import Arena
from serve.fronts.board import Board
from serve.fronts.messages import Offer
from serve.fronts.queue import RemoteQueue
from serve.fronts.shared import SharedStatistics
from serve.metadata import ModelMetadata

__all__ = ["RemoteModel"]


@dataclass(frozen=True, eq=False)
class RemoteModel:
    """One version of a model that runs in other processes; see `serve.catalogue.Served`."""

    name: str
    version: str
    metadata: ModelMetadata
    provider: str
    fit: Fit | None
    run_pixels: int
    queue: RemoteQueue
    statistics: SharedStatistics

    @classmethod
    def of(cls, offer: Offer, arena: Arena, board: Board, front: int, config: ServeConfig) -> RemoteModel:
        """Make it from what an owner offers."""
        metadata = ModelMetadata.from_json(offer.metadata)
        queue = RemoteQueue(metadata, arena, board, front, config.queue_pixels)
        about = (offer.name, offer.version, metadata, offer.provider, Fit.of(metadata), offer.run_pixels)
        return cls(*about, queue, SharedStatistics())

    @property
    def batcher(self) -> RemoteQueue:
        """Its queue."""
        return self.queue
