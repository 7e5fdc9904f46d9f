"""Who is told of every request: the log, the metrics and the traces that the configuration asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from serve.catalogue import Catalogue
from serve.config import ServeConfig
from serve.errors import ConfigError
from serve.observing.logs import AccessLog
from serve.protocol.ticket import Observer

if TYPE_CHECKING:
    from serve.observing.endpoint import Endpoint
    from serve.observing.tracing import Traces

__all__ = ["Observing"]


class Observing:
    """The observers of a server, and what they need to be reached; nothing is imported for those that are off.

    Args:
        config: says which.
        models: what is served.
        ready: tells whether requests for a model are taken, by its name.

    Attributes:
        observers: to be told of every request.

    Raises:
        ConfigError: traces are asked for, and OpenTelemetry is not installed.
    """

    def __init__(self, config: ServeConfig, models: Catalogue, ready: Callable[[str], bool]) -> None:
        self.observers: list[Observer] = [AccessLog()] if AccessLog.wanted() else []
        self._endpoint: Endpoint | None = None
        if config.metrics_address:
            from serve.observing.counts import RequestCounts
            from serve.observing.endpoint import Endpoint
            from serve.observing.metrics import Metrics

            counts = RequestCounts()
            self.observers.append(counts)
            self._endpoint = Endpoint(Metrics(models, ready, lambda: counts), config.metrics_address)
        self._traces = _traces() if config.traces else None
        if self._traces:
            self.observers.append(self._traces)

    def start(self) -> None:
        """Be reached.

        Raises:
            AddressError: the metrics' address is malformed, in use, or not this machine's.
        """
        if self._endpoint:
            self._endpoint.open()

    @property
    def metrics_address(self) -> str:
        """HOST:PORT of the metrics as bound, after `start`; empty: there are none."""
        return self._endpoint.address if self._endpoint else ""

    def stop(self) -> None:
        """Be reached no more."""
        if self._endpoint:
            self._endpoint.close()
        if self._traces:
            self._traces.stop()


def _traces() -> Traces:
    try:
        from serve.observing.tracing import Traces
    except ModuleNotFoundError as error:
        remedy = "install symae[otel], or set traces = false (SYMAE_SERVE_TRACES=false)"
        raise ConfigError(f"{error.name} is not installed, and traces are asked for: {remedy}") from error
    return Traces()
