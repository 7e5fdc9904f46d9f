"""Where Prometheus comes to ask: HTTP on an address of its own, from threads of its own, so that it answers under load.

It is off unless an address is given: a port that nobody asked for would keep a second server of the same machine from
starting, and would tell whoever finds it what is served. Whoever wants it gives 127.0.0.1:9464, or 0.0.0.0:9464 in a
container.
"""

from __future__ import annotations

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.registry import Collector

from serve.errors import AddressError

__all__ = ["Endpoint"]


class Endpoint:
    """Answers GET /metrics.

    Args:
        metrics: what to tell, beside what the process itself uses.
        address: HOST:PORT; port 0 takes a free one.

    Attributes:
        address: as bound, after `open`.
    """

    def __init__(self, metrics: Collector, address: str) -> None:
        self.address = address
        self._registry = CollectorRegistry()
        self._registry.register(metrics)
        ProcessCollector(registry=self._registry)
        self._running: tuple[WSGIServer, Thread] | None = None

    def open(self) -> None:
        """Listen.

        Raises:
            AddressError: the address is malformed, in use, or not this machine's.
        """
        host, _, port = self.address.rpartition(":")
        try:
            self._running = start_http_server(int(port), host.strip("[]") or "0.0.0.0", self._registry)
        except (OSError, ValueError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "expected HOST:PORT"
            rule = f"cannot listen on {self.address!r} for metrics: {reason}; choose another --metrics-address"
            raise AddressError(rule) from error
        self.address = f"{host}:{self._running[0].server_port}"

    def close(self) -> None:
        """Listen no more."""
        if self._running:
            server, thread = self._running
            server.shutdown()
            server.server_close()
            thread.join()
