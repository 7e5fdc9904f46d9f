"""When, where and how a run was trained, start by start: sessions.json. Weights and metrics do not depend on it."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from serve.files import appears_whole

__all__ = ["SESSIONS", "Outcome", "Session", "clock_words", "cpu_name", "read_sessions", "write_sessions"]

SESSIONS = "sessions.json"  # its name in a run directory
Outcome = Literal["training", "finished", "interrupted", "failed"]


@dataclass(frozen=True)
class Session:
    """One start of a training, up to its end.

    Attributes:
        began, seen: its start and its last sign of life, in seconds since 1970.
        first, epochs: epochs that were done before it, and that are done now.
        outcome: how it stands; a process that was killed leaves "training".
        message: why it ended, where it did not finish.
        device: that computed.
        processes: that trained together, each with such a device.
        cpu, threads: the processor, and how many threads PyTorch used of it in each process.
        commit, versions: of symae's source, and of what it builds on.
        options: of the command line that say how to compute, not what.
        images, held_out: how many were trained on, and measured on; `held_out` is 0 where none were.
        unlabelled: how many were learnt from without labels beside them.
    """

    began: float
    seen: float
    first: int
    epochs: int
    outcome: Outcome
    message: str = ""
    device: str = ""
    processes: int = 1
    cpu: str = ""
    threads: int = 0
    commit: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    images: int = 0
    held_out: int = 0
    unlabelled: int = 0

    @property
    def seconds(self) -> float:
        """How long it was seen at work, all included."""
        return max(0.0, self.seen - self.began)


def clock_words(seconds: float) -> str:
    """A moment as people write it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def write_sessions(run: Path, sessions: Sequence[Session]) -> None:
    """Write all sessions of a run; the file appears whole or not at all."""
    with appears_whole(run / SESSIONS) as file:
        file.write_text(json.dumps([dataclasses.asdict(session) for session in sessions], indent=1) + "\n")


def read_sessions(run: Path) -> tuple[Session, ...]:
    """Read what `write_sessions` wrote; nothing where there is nothing that can be read, as in older runs."""
    try:
        found = json.loads((run / SESSIONS).read_text())
        return tuple(Session(**{**session, "options": tuple(session["options"])}) for session in found)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def cpu_name() -> str:
    """The processor's name, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
