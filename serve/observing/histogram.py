"""A histogram that is cheap to add to: what a request costs to be measured must not be worth measuring."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

__all__ = ["DURATIONS", "SIZES", "Histogram"]

DURATIONS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)  # seconds
SIZES = tuple(4.0**power for power in range(5, 14))  # pixels, from 32 x 32 to 8192 x 8192


class Histogram:
    """How many values lie below each bound. It is added to on one thread and may be read on any.

    Args:
        bounds: ascending; a value equal to one lies below it.

    Attributes:
        sum: of all values.
    """

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def add_many(self, value: float, times: int) -> None:
        """Count a value several times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self.sum += value * times

    def add_all(self, counts: Sequence[int], total: float) -> None:
        """Take in another one of the same bounds: its `counts` and its sum."""
        self._counts = [mine + theirs for mine, theirs in zip(self._counts, counts, strict=True)]
        self.sum += total

    @property
    def counts(self) -> tuple[int, ...]:
        """How many values lie between each bound and the one before, and above the last."""
        return tuple(self._counts)

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """Go through the bounds, as Prometheus writes them, with how many values lie below each."""
        below, counts = 0, tuple(self._counts)
        for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
            below += count
            yield ("+Inf" if bound == float("inf") else repr(bound)), below
