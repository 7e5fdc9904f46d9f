"""Imported once, by the process from which those of the tasks are forked, so that each of them starts in no time.

A signal to the whole group must not end that process: it is the one that sees its children end, and they may still
have a state to save.
"""

from __future__ import annotations

import signal

import benchmarks.gpu.worker  # noqa: F401 - what takes seconds to import

signal.signal(signal.SIGTERM, signal.SIG_IGN)
