"""How a process that serves is set up, once it has loaded what it serves."""

from __future__ import annotations

import gc
import sys

from serve.memory import few_heaps

__all__ = ["settle"]

# Seconds after which a thread of Python lets another on. A run thread that comes back with results waits that long for
# the event loop; the default of 5 ms doubles the 99th percentile of small calls (67 for 32 ms at 32 callers).
SWITCH = 0.0005


def settle() -> None:
    """Be quick and small from now on; to be called on the main thread, before there are many others."""
    few_heaps()
    gc.collect()
    gc.freeze()  # what is loaded stays; the collector need not walk it again
    sys.setswitchinterval(SWITCH)
