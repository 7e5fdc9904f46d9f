"""The counters of a model that several processes count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from serve.batching.statistics import ModelStatistics, Spent
from serve.fronts.plain import Plain, merged, plain, statistics_of

__all__ = ["SharedStatistics"]


class SharedStatistics(ModelStatistics):
    """What all processes have counted: what this one counts at once, what others do when they have told it.

    Attributes:
        own: what this process has counted.
    """

    __slots__ = ("own",)

    def __init__(self) -> None:
        super().__init__()
        self.own = ModelStatistics()

    def answered(self, seconds: float, spent: Spent) -> None:
        """Count a request that got its answer so many seconds after it came."""
        super().answered(seconds, spent)
        self.own.answered(seconds, spent)

    def failed(self, seconds: float, error: BaseException) -> None:
        """Count a request that got none."""
        super().failed(seconds, error)
        self.own.failed(seconds, error)

    def see(self, others: Iterable[Plain]) -> None:
        """Take in what all others have counted by now."""
        total = statistics_of(merged([plain(self.own), *others]))
        for field in fields(ModelStatistics):
            setattr(self, field.name, getattr(total, field.name))
