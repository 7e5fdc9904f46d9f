"""What Prometheus is told of several processes: an owner tells its own runs, the first one also all requests.

What fronts count reaches the owner within seconds, so that one address is enough, and a scrape costs no front a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from serve.batching.statistics import ModelStatistics
from serve.catalogue import Catalogue, ModelState
from serve.config import ServeConfig
from serve.fronts.owner import Owner, Seen
from serve.lifecycle.models import Models
from serve.metadata import ModelMetadata
from serve.observing.counts import RequestCounts

if TYPE_CHECKING:
    from serve.observing.endpoint import Endpoint

__all__ = ["open_metrics"]


def open_metrics(owner: Owner, models: Models, config: ServeConfig, index: int) -> Endpoint | None:
    """Open the address where Prometheus asks; the second owner's port is one above that of the first, and so on.

    Args:
        owner: what is told.
        models: its models.
        config: of the server.
        index: of the owner.

    Returns:
        To be closed; None: there are no metrics.

    Raises:
        AddressError: the address is malformed, in use, or not this machine's.
    """
    if not config.metrics_address:
        return None
    from serve.observing.endpoint import Endpoint
    from serve.observing.metrics import Metrics

    host, _, port = config.metrics_address.rpartition(":")
    address = f"{host}:{int(port) + index}" if index and port.isdigit() and int(port) else config.metrics_address
    view = cast("Catalogue", _View(owner, models, config.queue_pixels))
    counts = owner.requests if index == 0 else RequestCounts
    endpoint = Endpoint(Metrics(view, lambda name: any(model.name == name for model in models), counts), address)
    endpoint.open()
    return endpoint


@dataclass(frozen=True)
class _Room:
    taken: int
    limit: int


@dataclass(frozen=True)
class _Queue:
    budget: _Room


class _Row:
    """One model, as `serve.observing.metrics` reads it."""

    def __init__(self, seen: Seen, limit: int) -> None:
        self.name: str = seen.model.name
        self.version: str = seen.model.version
        self.metadata: ModelMetadata = seen.model.metadata
        self.provider: str = seen.model.provider
        self.statistics: ModelStatistics = seen.statistics
        self.batcher = _Queue(_Room(seen.held, limit))


class _View:
    """All models, as `serve.observing.metrics` reads them."""

    def __init__(self, owner: Owner, models: Models, limit: int) -> None:
        self._owner, self._models, self._limit = owner, models, limit

    def __iter__(self) -> Iterator[_Row]:
        served = {id(model) for model in self._models}
        return iter([_Row(seen, self._limit) for seen in self._owner.seen() if id(seen.model) in served])

    def states(self) -> Sequence[ModelState]:
        return self._models.states()
