"""What every process knows of each queue without asking: how much is held, how much is under way, how fast it goes.

Each number has one writer, which adds to what it wrote before, and is read by all: no lock that a killed process
could leave closed, and no message. Two fronts that look in the same microsecond may so both see the last room;
what is held exceeds its limit by a request for each front at most.
"""

from __future__ import annotations

from serve.fronts.segment import Segment, create

__all__ = ["MODELS", "Board"]

MODELS = 256  # models that an owner can have at a time, versions that are being replaced among them


class Board:
    """The numbers, in shared memory.

    Args:
        fd: of memory that `room` made; it may be closed afterwards.
        fronts, owners: how many there are.
    """

    def __init__(self, fd: int, fronts: int, owners: int) -> None:
        self._fronts = fronts
        self._counts, self._rates = Segment(fd).words()
        self._sent = owners * MODELS * fronts
        self._rate = 2 * self._sent

    @staticmethod
    def room(fronts: int, owners: int) -> int:
        """Make memory for it; returns a descriptor."""
        return create(8 * owners * MODELS * (2 * fronts + 1))

    def held(self, owner: int, slot: int) -> int:
        """Pixels that requests for a model hold, in all fronts."""
        return self._sum(0, owner, slot)

    def hold(self, front: int, owner: int, slot: int, pixels: int) -> None:
        """Add to what a front's requests hold; less than 0: give back."""
        self._counts[self._row(owner, slot) + front] += pixels

    def under_way(self, owner: int, slot: int) -> int:
        """Pixels that all fronts have sent to an owner and that are not answered."""
        return self._sum(self._sent, owner, slot)

    def send(self, front: int, owner: int, slot: int, pixels: int) -> None:
        """Add to what a front has sent; less than 0: it was answered."""
        self._counts[self._sent + self._row(owner, slot) + front] += pixels

    def rate(self, owner: int, slot: int) -> float:
        """Seconds a pixel of a model; 0: not known yet."""
        return float(self._rates[self._rate + owner * MODELS + slot])

    def tell_rate(self, owner: int, slot: int, seconds: float) -> None:
        """Write the seconds a pixel."""
        self._rates[self._rate + owner * MODELS + slot] = seconds

    def forget(self, front: int) -> None:
        """Wipe out what a front that died held and sent."""
        for row in range(front, self._rate, self._fronts):
            self._counts[row] = 0

    def _row(self, owner: int, slot: int) -> int:
        return (owner * MODELS + slot) * self._fronts

    def _sum(self, first: int, owner: int, slot: int) -> int:
        row = first + self._row(owner, slot)
        return sum(self._counts[row : row + self._fronts])
