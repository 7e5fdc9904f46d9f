"""How many pixels may wait for one model or be run by it at a time, and what is said when there is no room."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from serve.batching.pace import Pace
from serve.errors import OverloadError

__all__ = ["Budget", "Reservation"]


class Budget:
    """How many pixels may wait or run at a time; to be used on the event loop alone.

    Attributes:
        limit: the most.
        taken: held by requests that are not answered yet.
    """

    def __init__(self, pixels: int, pace: Pace) -> None:
        self.limit = pixels
        self.taken = 0
        self._pace = pace
        self._holders = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[Reservation]:
        """Hold pixels until the request is answered.

        Raises:
            OverloadError: there is no room for them.
        """
        reservation = Reservation(self)
        self._holders += 1
        self._empty.clear()
        try:
            reservation.resize(pixels)
            yield reservation
        finally:
            self.taken -= reservation.pixels
            self._holders -= 1
            if not self._holders:
                self._empty.set()

    async def emptied(self) -> None:
        """Wait until no request holds anything."""
        await self._empty.wait()

    def take(self, more: int) -> None:
        """Add to what is taken, or refuse."""
        if self.taken and self.taken + more > self.limit:
            wait = max(0.01, self.taken * self._pace.rate)
            raise OverloadError(f"the queue is full: try again in {wait:.2f} s", retry_after=wait)
        self.taken += more


class Reservation:
    """A caller's share of the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.pixels = 0

    def resize(self, pixels: int) -> None:
        """Change it to the size that decoding has shown."""
        self._budget.take(pixels - self.pixels)
        self.pixels = pixels
