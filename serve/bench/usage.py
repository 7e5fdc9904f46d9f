"""What processes use: processor time and memory, as Linux tells it of any process; elsewhere nothing is known."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "usage_of"]

PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """Of a process and all that it started.

    Attributes:
        cpu: seconds of processor time, user and system, since their start.
        memory: bytes that are resident; pages that processes share count for each.
    """

    cpu: float
    memory: int


def usage_of(process: int | None) -> Usage | None:
    """Look at a process and its children's children.

    Args:
        process: its id; None: nothing is known.

    Returns:
        None where there is no such process, or no /proc.
    """
    if process is None:
        return None
    found = [usage for each in _family(process) if (usage := _one(each))]
    return Usage(sum(u.cpu for u in found), sum(u.memory for u in found)) if found else None


def _family(process: int) -> list[int]:
    family = [process]
    for member in family:  # grows while it is walked
        try:
            family += map(int, (PROC / f"{member}/task/{member}/children").read_text().split())
        except OSError:
            continue
    return family


def _one(process: int) -> Usage | None:
    try:
        fields = (PROC / f"{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return Usage((int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * page)
