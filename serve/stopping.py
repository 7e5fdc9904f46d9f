"""Stop when told to, also before there is a server that could drain.

The first process of a container gets no signal that it has no handler for: without one, a stop during the
loading of the models would go unheard, and the container be killed when its time is over.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["ENDED", "stoppable"]

ENDED = 128 + signal.SIGTERM  # what a shell and an orchestrator take for "ended as it was told"


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM end the process within; to be used on the main thread."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    sys.exit(ENDED)
