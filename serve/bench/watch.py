"""What a load costs while it lasts: processor time of both sides and the server's memory."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serve.bench.sample import Sample
from serve.bench.usage import Usage, usage_of

__all__ = ["Cost", "Watch"]


@dataclass(frozen=True)
class Cost:
    """What was used between the first look at the measured part and the end; see `Sample`."""

    cpu: float
    server_cpu: float | None
    memory: int | None

    def of(self, sample: Sample, late: Sequence[float]) -> Sample:
        """Write it to the sample."""
        worst = float(np.percentile(late, 99)) if late else 0.0
        return dataclasses.replace(sample, cpu=self.cpu, server_cpu=self.server_cpu, memory=self.memory, late=worst)


class Watch:
    """Looks at this process and at the server.

    Args:
        process: id of the server, or of this process where there is no other; None: it is not known.
    """

    def __init__(self, process: int | None) -> None:
        self._process = process
        self._before: tuple[float, Usage | None] | None = None
        self._memory: int | None = None

    def look(self, measured: bool) -> None:
        """Take notice; to be called often.

        Args:
            measured: the warm-up is over.
        """
        usage = usage_of(self._process)
        if measured and self._before is None:
            self._before = (time.process_time(), usage)
        if usage:
            self._memory = max(usage.memory, self._memory or 0)

    def finish(self) -> Cost:
        """Look for the last time."""
        self.look(True)
        usage = usage_of(self._process)
        assert self._before is not None
        cpu, server = self._before
        own = self._process == os.getpid()
        spent = usage.cpu - server.cpu if usage and server and not own else None
        return Cost(time.process_time() - cpu, spent, self._memory)
