"""One thing that `symae doctor` has looked at."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it.

    Attributes:
        topic: what was looked at, in one word.
        what: what is there, on one line.
        remedy: what to do, on one line; empty: nothing, it is as it should be.
    """

    topic: str
    what: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        return not self.remedy
