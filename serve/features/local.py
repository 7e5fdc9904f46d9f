"""Extraction on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from serve.features.filling import Advance
from serve.features.job import ExtractOptions, Facts, facts_of
from serve.features.parts import Work, compute
from serve.session import Session

__all__ = ["Local"]


class Local:
    """Computes in this process.

    Args:
        session: an encoder.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def facts(self, options: ExtractOptions) -> Facts:
        """Look at the model."""
        return facts_of(self._session, options)

    def compute(self, work: Work, numbers: Sequence[int], advance: Advance) -> None:
        """Compute and write parts."""
        compute(self._session, work, numbers, advance)
