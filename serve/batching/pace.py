"""How fast a model works: what refusals, and "try again" of a full queue, are reckoned from.

It is kept for each size of image, and a size that was never run is not guessed at: a run of small images is mostly
overhead, and reckoned up to a large one it would refuse what takes a second as if it took a thousand.

What counts on a mean is late every second time, and a batch that is late is late for all in it. So what is promised is
reckoned from the mean and twice the mean deviation, both moving, as TCP reckons its timeouts (RFC 6298).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["Pace"]

SIZES = 1024  # that are remembered, the latest
MEMORY = 0.2  # weight of the newest run in a moving average
CAUTION = 2  # mean deviations that are added to a mean


@dataclass(slots=True)
class _Seen:
    """Seconds an image of one size: the least, the mean, the mean deviation; and whether by full runs alone."""

    best: float
    mean: float
    deviation: float = 0.0
    full: bool = False

    def ran(self, each: float, full: bool) -> None:
        self.best = min(self.best, each)
        if full and not self.full:
            self.mean, self.deviation, self.full = each, 0.0, True
        elif full or not self.full:
            self.deviation += MEMORY * (abs(each - self.mean) - self.deviation)
            self.mean += MEMORY * (each - self.mean)


NEVER = _Seen(0.0, 0.0)


class Pace:
    """Seconds an image by size, as seen. Written by one thread, read by any.

    Attributes:
        rate: seconds a pixel over all sizes, a moving average; 0 until something has run.
    """

    def __init__(self) -> None:
        self.rate = 0.0
        self._sizes: OrderedDict[int, _Seen] = OrderedDict()

    def ran(self, size: int, images: int, seconds: float, *, full: bool) -> None:
        """Take note of a run.

        Args:
            size: pixels of one image.
            images: how many ran together.
            seconds: that it took.
            full: no more would have fitted in. What runs alone takes longer, and a queue is worked off in full runs.
        """
        each = seconds / images
        self.rate += (MEMORY if self.rate else 1.0) * (each / size - self.rate)
        seen = self._sizes.pop(size, None) or _Seen(each, each)
        seen.ran(each, full)
        self._sizes[size] = seen
        if len(self._sizes) > SIZES:
            self._sizes.popitem(last=False)

    def best(self, size: int) -> float:
        """Seconds for an image in the fastest run, so that no estimate from it is too long; 0: never run."""
        return self._sizes.get(size, NEVER).best

    def expected(self, size: int) -> float:
        """Seconds for an image that few runs exceed: by full runs, or by all until there was one; 0: never run."""
        seen = self._sizes.get(size, NEVER)
        return seen.mean + CAUTION * seen.deviation
