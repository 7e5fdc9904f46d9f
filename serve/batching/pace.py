"""How fast a model works: what refusals, and "try again" of a full queue, are reckoned from.

It is kept for each size of image, and a size that was never run is not guessed at: a run of small images is mostly
overhead, and reckoned up to a large one it would refuse what takes a second as if it took a thousand.
"""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Pace"]

SIZES = 1024  # that are remembered, the latest
MEMORY = 0.2  # weight of the newest run in what is typical


class Pace:
    """Seconds an image by size, as seen. Written by one thread, read by any.

    Attributes:
        rate: seconds a pixel over all sizes, a moving average; 0 until something has run.
    """

    def __init__(self) -> None:
        self.rate = 0.0
        self._sizes: OrderedDict[int, tuple[float, float, bool]] = OrderedDict()

    def ran(self, size: int, images: int, seconds: float, *, full: bool) -> None:
        """Take note of a run.

        Args:
            size: pixels of one image.
            images: how many ran together.
            seconds: that it took.
            full: no more would have fitted in. What runs alone takes longer, and a queue is worked off in full runs.
        """
        each = seconds / images
        self.rate = _moved(self.rate, each / size)
        best, typical, seen_full = self._sizes.pop(size, (each, 0.0, False))
        if full and not seen_full:
            typical, seen_full = each, True
        elif full or not seen_full:
            typical = _moved(typical, each)
        self._sizes[size] = (min(best, each), typical, seen_full)
        if len(self._sizes) > SIZES:
            self._sizes.popitem(last=False)

    def best(self, size: int) -> float:
        """Seconds for an image in the fastest run, so that no estimate from it is too long; 0: never run."""
        return self._sizes.get(size, (0.0, 0.0, False))[0]

    def typical(self, size: int) -> float:
        """Seconds for an image, by the full runs, or by all until there was a full one; 0: never run."""
        return self._sizes.get(size, (0.0, 0.0, False))[1]


def _moved(average: float, newest: float) -> float:
    return average + MEMORY * (newest - average) if average else newest
