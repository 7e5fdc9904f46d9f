"""What a load came to: every call's beginning, end and status, and from them the figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["OK", "Figures", "Log", "Sample"]

OK = "OK"
PERCENTILES = (50, 95, 99)


class Log:
    """Calls as they end; `add` may be called from any thread."""

    def __init__(self) -> None:
        self._ended: list[tuple[float, float, str]] = []

    def add(self, due: float, ended: float, status: str) -> None:
        """Keep one call: when it was due, when it ended (seconds of one clock), and how."""
        self._ended.append((due, ended, status))

    def sample(self, first: float, last: float) -> Sample:
        """Take what belongs to a window of time: the calls that ended in it, for the rates, and those due in it."""
        ended = list(self._ended)
        within = [call for call in ended if first <= call[1] < last]
        due = [call for call in ended if first <= call[0] < last]
        statuses = {status for _, _, status in due}
        took = {s: np.array([end - at for at, end, status in due if status == s], np.float64) for s in statuses}
        return Sample(last - first, Counter(status for _, _, status in within), took)


@dataclass(frozen=True, eq=False)
class Sample:
    """A measured window.

    Attributes:
        seconds: its length.
        ended: calls that ended in it, by status.
        took: of the calls that were due in it, by status: seconds from then to their end.
        cpu: processor seconds of who made the load; for a level without a wire, of everything.
        server_cpu: of the server, where it is known.
        memory: most bytes that the server held, where it is known; without a wire, the process.
        late: seconds by which 99 % of the calls went out at most after they were due; large: the load's maker is
            too slow for it, and the figures are its own.
    """

    seconds: float
    ended: Counter[str]
    took: dict[str, NDArray[np.float64]]
    cpu: float = 0.0
    server_cpu: float | None = None
    memory: int | None = None
    late: float = 0.0

    def figures(self, images: int) -> Figures:
        """Sum it up.

        Args:
            images: in each call.
        """
        good = self.took.get(OK, np.empty(0))
        p50, p95, p99 = np.percentile(good, PERCENTILES).tolist() if len(good) else [float("nan")] * 3
        refused = [times for status, times in self.took.items() if status != OK]
        calls = self.ended[OK]
        return Figures(
            calls=calls,
            images_per_second=calls * images / self.seconds,
            p50=p50,
            p95=p95,
            p99=p99,
            errors={status: count for status, count in sorted(self.ended.items()) if status != OK},
            refusal_p99=float(np.percentile(np.concatenate(refused), 99)) if refused else None,
            seconds=self.seconds,
            cpu=self.cpu,
            server_cpu=self.server_cpu,
            memory=self.memory,
            late=self.late,
        )


@dataclass(frozen=True)
class Figures:
    """A load in numbers; times are seconds, from when a call was due.

    Attributes:
        calls: answered in the window.
        images_per_second: answered.
        p50, p95, p99: of the answered calls; nan where there is none.
        errors: other statuses, and how often.
        refusal_p99: how long those took, all but one in a hundred; None without any.
        seconds, cpu, server_cpu, memory, late: as of `Sample`.
    """

    calls: int
    images_per_second: float
    p50: float
    p95: float
    p99: float
    errors: dict[str, int]
    refusal_p99: float | None
    seconds: float
    cpu: float
    server_cpu: float | None
    memory: int | None
    late: float
