"""Whether the work of one model moves: what tells a runtime that hangs from one that has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Motion"]

PATIENCE = 3  # longest runs seen: a slow model on a slow machine is not stuck


class Motion:
    """When something last moved; the event loop says what waits, the run thread what runs."""

    def __init__(self) -> None:
        self._waiting = 0
        self._running = False
        self._since = 0.0  # that something waits or runs, and nothing began or ended
        self._longest = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a piece of work for as long as its caller waits for it."""
        if not self._waiting and not self._running:
            self._since = time.monotonic()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a run."""
        started = self._since = time.monotonic()
        self._running = True
        try:
            yield
        finally:
            self._running = False
            self._since = time.monotonic()
            self._longest = max(self._longest, self._since - started)

    def stuck(self, seconds: float) -> bool:
        """Tell whether something waits or runs, and nothing has begun or ended for so long."""
        still = time.monotonic() - self._since
        return bool(self._running or self._waiting) and still > max(seconds, PATIENCE * self._longest)
