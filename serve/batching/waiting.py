"""What waits to be run, by image size: the event loop puts it in, the run thread takes batches out.

Fair between callers: the oldest first, and a block that is larger than one run goes to the end of the line after
each part of it, so that a caller with a thousand images and one with a single image take turns. A batch is full when no
more fits in, by its limits or by time: one that would make another late is left for the next.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass

from serve.batching.pace import Pace
from serve.batching.work import Batch, Part, Work

__all__ = ["BatchLimits", "Waiting"]


@dataclass(frozen=True)
class BatchLimits:
    """What one run may hold; a single larger image runs alone, as a tile does whose halo needs more.

    Attributes:
        images: most images.
        pixels: most pixels (images x H x W).
    """

    images: int
    pixels: int

    def room(self, pixels_each: int) -> int:
        """How many images of a size fit; at least one."""
        return max(1, min(self.images, self.pixels // pixels_each))


class Waiting:
    """Works in the order of their turns, of which those with one key run together. Safe between threads.

    Attributes:
        seconds: that what waits is expected to take.
    """

    def __init__(self, limits: BatchLimits, pace: Pace) -> None:
        self.seconds = 0.0
        self._limits = limits
        self._pace = pace
        self._changed = threading.Condition()
        self._by_key: dict[tuple[object, ...], deque[Work]] = {}
        self._closed = False

    def add(self, work: Work) -> bool:
        """Put a work at the end; False when closed."""
        with self._changed:
            if not self._closed:
                self._by_key.setdefault(work.key, deque()).append(work)
                self.seconds += work.left * work.each
                self._changed.notify()
            return not self._closed

    def discard(self, work: Work) -> None:
        """Take a work out, if it still waits: it is passed over when its turn comes, for a search takes too long."""
        with self._changed:
            if work.dropped:
                return
            self._forget(work)
            if not work.taken:
                work.inputs = ()  # it may wait for long to be passed over, and its share of the budget is free

    def close(self) -> list[Work]:
        """Let nothing in any more; `take` ends. Returns what was waiting."""
        with self._changed:
            self._closed = True
            left = [work for queue in self._by_key.values() for work in queue if not work.dropped]
            self._by_key.clear()
            self.seconds = 0.0
            self._changed.notify_all()
            return left

    def take(self) -> Batch | None:
        """Wait for work and take the oldest with all that fit beside it; None when closed."""
        with self._changed:
            while True:
                while not self._by_key:
                    if self._closed:
                        return None
                    self._changed.wait()
                batch = self._fill(self._next())
                if batch.parts or batch.late:
                    return batch

    def take_full(self, least: int, after: float) -> Batch | None:
        """Take the oldest with those beside it, without waiting, if that makes a full run of at least so many bytes.

        Such a batch loses nothing by being taken before the runtime is free: no more could come into it.

        Args:
            least: bytes.
            after: seconds until the runtime is expected to be free.
        """
        with self._changed:
            if not self._by_key:
                return None
            key = self._next()
            return self._fill(key, after) if self._is_full(self._by_key[key], least) else None

    def _forget(self, work: Work) -> None:
        work.dropped = True  # so that it is taken out of the sum once, whatever else befalls it
        self.seconds -= work.left * work.each

    def _next(self) -> tuple[object, ...]:
        return min(self._by_key, key=lambda key: self._by_key[key][0].turn)

    def _is_full(self, queue: deque[Work], least: int) -> bool:
        images = room = self._limits.room(queue[0].pixels)
        for work in queue:
            if work.dropped:
                continue
            if images * sum(array[0].nbytes for array in work.inputs) < least:
                return False
            room -= work.left
            if room <= 0:
                return True
        return False

    def _fill(self, key: tuple[object, ...], after: float = 0.0) -> Batch:
        queue, now = self._by_key[key], time.monotonic()
        size = queue[0].pixels
        each, ends, images = self._pace.expected(size), math.inf, 0
        parts, late, room = list[Part](), list[Work](), self._limits.room(size)
        while queue and room:
            work = queue.popleft()
            if work.dropped:
                continue
            if work.expires < now + self._pace.best(size) * work.left:
                self._forget(work)
                late.append(work)
                continue
            ends = min(ends, work.expires)
            in_time = (ends - now - after) / each - images if parts and each else room
            if in_time < 1:
                queue.appendleft(work)
                room = 0
                break
            count = int(min(work.left, room, in_time))
            part = Part(work, work.taken, work.taken + count)
            parts.append(part)
            room, images = room - count, images + count
            self.seconds -= part.seconds
            work.taken = part.stop
            if work.left:
                work.turn = now
                queue.append(work)
        if not queue:
            del self._by_key[key]
        if not self._by_key:
            self.seconds = 0.0  # what rounding has left
        return Batch(parts, late, "free" if room else "full")
