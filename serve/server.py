"""The server: build, start, drain.

    serving -> SIGTERM: health says NOT_SERVING -> drain_delay -> new calls are refused as
            unavailable, accepted ones are answered -> at most `grace` seconds later: what still
            waits is failed as unavailable, what runs is answered -> stop

Liveness is health's service "", readiness its services "symae.v1.SymaeService", "inference.GRPCInferenceService"
and one a model. The port opens after every model has run once, so whoever connects is served.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grpc_health.v1 import health_pb2

from serve.catalogue import Catalogue
from serve.compute import Compute
from serve.config import ServeConfig
from serve.cpu import usable_cpus
from serve.errors import AddressError
from serve.observing.observers import Observing
from serve.observing.watchdog import Watchdog
from serve.process import settle
from serve.protocol import reflected
from serve.protocol.address import check_free
from serve.protocol.health import DESCRIPTOR as HEALTH
from serve.protocol.health import Health
from serve.protocol.inference import InferenceService
from serve.protocol.listening import Listener
from serve.protocol.probes import HealthPort
from serve.protocol.rpc import Rpc
from serve.protocol.service import SymaeService
from serve.protocol.ticket import Observer

if TYPE_CHECKING:
    from serve.lifecycle.models import Models
    from serve.lifecycle.watch import Watch
    from serve.session import Session

__all__ = ["Server", "load_sessions", "running", "serve_until_stopped"]

LAST_BYTES = (1.0, 5.0)  # seconds, at least and at most, for the last answers to leave
log = logging.getLogger(__name__)


def load_sessions(repository: Path, config: ServeConfig) -> list[Session]:
    """Load what is to be served and not watched; see `serve.lifecycle.follow.Follower.load`."""
    from serve.lifecycle.follow import Follower  # a process that only takes calls loads no runtime

    return Follower(repository, config).load().sessions


class Server:
    """A gRPC server of models; made, started and stopped on one event loop.

    Args:
        models: what can be called; closed by `drain`.
        config: limits and address.
        held: the address is held for this process and others, which all listen on it; see `serve.protocol.address`.
        observers: who is told of every request, beside those that the configuration asks for.

    Attributes:
        address: HOST:PORT as bound, after `start`.
        metrics_address: likewise, of the metrics; empty: there are none.

    Raises:
        ConfigError: a certificate or token file is missing or not what it must be.
    """

    def __init__(
        self, models: Catalogue, config: ServeConfig, *, held: bool = False, observers: Sequence[Observer] = ()
    ) -> None:
        self.address = config.address
        self.metrics_address = ""
        self._config, self._held = config, held
        self._threads = ThreadPoolExecutor(config.threads or usable_cpus(), thread_name_prefix="decode")
        self._models = models
        self._shown: set[str] = set()
        self._health = Health()
        self._probes = HealthPort(self._health, config.health_address, held=held) if config.health_address else None
        compute = Compute(config, self._threads)
        services = [
            SymaeService(self._models, compute).offer(),
            InferenceService(self._models, compute, self._health.serves).offer(),
        ]
        self._names = [service.name for service in services]
        self._observing = Observing(config, models, self._health.serves)
        observers = (*self._observing.observers, *observers)
        self._rpc = Rpc(
            services,
            default_deadline=config.default_deadline,
            window=config.stream_window,
            observers=observers,
        )
        self._watchdog: Watchdog | None = None
        self._listener = Listener.of(config, observers)
        self._server = self._listener.server(held=held)
        reflection = reflected.handler([*(service.descriptor for service in services), HEALTH])
        self._server.add_generic_rpc_handlers((*self._rpc.handlers(), self._health.handler(), reflection))

    async def start(self) -> int:
        """Listen.

        Returns:
            The port; of interest where the configuration says 0.

        Raises:
            AddressError: the address is malformed, in use, or not this machine's.
        """
        if not self._held:
            check_free(self._config.address)
        try:
            port = self._listener.listen(self._server, self._config.address)
        except RuntimeError as error:
            raise AddressError(f"cannot listen on {self._config.address}: choose another address") from error
        self.address = f"{self._config.address.rpartition(':')[0]}:{port}"
        self._observing.start()
        self.metrics_address = self._observing.metrics_address
        if self._probes:
            await self._probes.start()
        await self._server.start()
        if self._config.stuck_after:
            self._watchdog = Watchdog(self._models, self._health, self._names, self._config.stuck_after)
        self._models.subscribe(self._show_health)
        await self._show_health()
        return port

    @property
    def health_address(self) -> str:
        """HOST:PORT of the port for health alone as bound, after `start`; empty: there is none."""
        return self._probes.address if self._probes else ""

    async def drain(self) -> None:
        """Answer what was accepted, refuse the rest, and stop. The server cannot be started again."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._config.drain_delay)
        ends = time.monotonic() + self._config.grace
        await self._rpc.drain(self._config.grace)
        await self._models.close()
        if self._watchdog:
            self._watchdog.stop()
        self._health.close()
        least, most = LAST_BYTES
        await self._server.stop(max(least, min(most, ends - time.monotonic())))
        if self._probes:
            await self._probes.stop()
        self._observing.stop()
        self._threads.shutdown(cancel_futures=True)
        log.info("stopped")

    async def _show_health(self) -> None:
        """Say who is ready: the services while there is a model, and every model by its name."""
        status, names = health_pb2.HealthCheckResponse, {model.name for model in self._models}
        gone = status.SERVICE_UNKNOWN if names else status.NOT_SERVING  # all at once: they are expected back
        now = dict.fromkeys(self._shown - names, gone) | dict.fromkeys(names, status.SERVING)
        now |= dict.fromkeys(self._names, status.SERVING if names else status.NOT_SERVING)
        for service, is_now in now.items():
            await self._health.set(service, is_now)
        self._shown = names or self._shown


def serve_until_stopped(
    sessions: Sequence[Session], config: ServeConfig, ready: Callable[[str], None], watch: Watch | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal does not hurry it. SIGHUP: look for models now.

    Args:
        sessions: loaded and warm.
        config: limits and address.
        ready: called once with HOST:PORT.
        watch: what loaded them, if they are to follow their repository.
    """
    from serve.lifecycle.models import Models

    settle()

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        if watch:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, watch.wake)
        await _serve(Models(sessions, config), config, watch, ready, stop)

    asyncio.run(main())


@contextmanager
def running(sessions: Sequence[Session], config: ServeConfig, watch: Watch | None = None) -> Iterator[str]:
    """Serve from a thread of this process; yields HOST:PORT and drains at the end."""
    from serve.lifecycle.models import Models

    started: list[str] = []
    failed: list[BaseException] = []
    ready = threading.Event()
    handles: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        handles.append((asyncio.get_running_loop(), stop))

        def begun(address: str) -> None:
            started.append(address)
            ready.set()

        await _serve(Models(sessions, config), config, watch, begun, stop)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="server")
    thread.start()
    ready.wait()
    if failed:
        raise failed[0]
    try:
        yield started[0]
    finally:
        loop, stop = handles[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _serve(
    models: Models, config: ServeConfig, watch: Watch | None, ready: Callable[[str], None], stop: asyncio.Event
) -> None:
    server = Server(models, config)
    await server.start()
    if watch:
        watch.start(models)
    ready(server.address)
    await stop.wait()
    if watch:
        watch.halt()
    await server.drain()
    if watch:
        await watch.stop(LAST_BYTES[1])
