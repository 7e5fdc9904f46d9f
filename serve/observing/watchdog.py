"""Readiness that is true: a model whose work waits and does not move stops being offered to callers until it does.

Only readiness: a restart, which is what a liveness probe would bring, loses the calls of all the other models, and a
hung device is not always mended by it. Whoever wants it has the metric and the log to go by.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from serve.catalogue import Catalogue
from serve.protocol.health import Health

__all__ = ["Watchdog"]

LOOKS = 4  # within the time after which a model counts as stuck
log = logging.getLogger(__name__)


class Watchdog:
    """Watches all models; made and stopped on one event loop.

    Args:
        models: what to watch.
        health: what is told.
        services: which are not ready either where every model is stuck.
        seconds: that work waits and nothing moves.
    """

    def __init__(self, models: Catalogue, health: Health, services: Sequence[str], seconds: float) -> None:
        self._models = models
        self._health = health
        self._services = services
        self._seconds = seconds
        self._stuck: frozenset[str] = frozenset()
        self._task = asyncio.create_task(self._watch())

    def stop(self) -> None:
        """Look no more."""
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / LOOKS)
            self._look()

    def _look(self) -> None:
        now = frozenset(model.name for model in self._models if model.batcher.stuck(self._seconds))
        for name in now - self._stuck:
            log.error("%s does not move: work waits and no run began or ended for %g s", name, self._seconds)
        for name in self._stuck - now:
            log.warning("%s moves again", name)
        if now != self._stuck:
            self._stuck = now
            everything = now >= {model.name for model in self._models}
            self._health.hold(now.union(self._services) if now and everything else now)
