"""What the fronts of an owner have counted, those that are gone included."""

from __future__ import annotations

from collections.abc import Hashable

from serve.fronts.messages import Tally
from serve.fronts.plain import Plain, counts_of, merged, statistics_of

__all__ = ["Tallies"]

GONE = object()


class Tallies:
    """The latest word of every front. It is changed on the event loop and may be read on any thread."""

    def __init__(self) -> None:
        self._models: dict[Hashable, dict[int, Plain]] = {}
        self._requests: dict[Hashable, Plain] = {}

    def take(self, front: Hashable, tally: Tally) -> None:
        """Take what a front has counted since it began.

        Raises:
            PlainError: these are no counters.
        """
        for statistics in tally.models.values():
            statistics_of(statistics)
        counts_of(tally.requests)
        # a model that the front does not use any more is told of no more, and yet was called
        self._models[front] = self._models.get(front, {}) | dict(tally.models)
        self._requests[front] = tally.requests

    def bury(self, front: Hashable) -> None:
        """Add what a front had counted to that of others that are gone: another one begins anew."""
        models, before = self._models.pop(front, {}), self._models.get(GONE, {})
        added = {number: merged([before[number], models[number]]) for number in before.keys() & models.keys()}
        self._models[GONE] = before | models | added
        self._requests[GONE] = merged([self._requests.get(GONE, {}), self._requests.pop(front, {})])

    def forget(self, number: int) -> None:
        """Let go of a model that is gone."""
        for models in self._models.values():
            models.pop(number, None)

    def of_model(self, number: int, *, without: Hashable = None) -> Plain:
        """What all have counted of a model, but one."""
        return merged(
            models[number] for front, models in tuple(self._models.items()) if front != without and number in models
        )

    def requests(self) -> Plain:
        """All requests."""
        return merged(tuple(self._requests.values()))
