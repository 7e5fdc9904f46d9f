"""How many threads this process may keep busy.

ONNX Runtime counts the machine's cores: it sees neither a container's quota nor `taskset`, and on a
share of a large machine its threads then fight for the few they have.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["usable_cpus"]


def usable_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the processors by affinity and by the control group's quota, whichever is less.

    Args:
        cgroup: where the control groups are mounted; version 2 and version 1 are read.

    Returns:
        At least 1.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota_v2(cgroup) or _quota_v1(cgroup) or math.inf
    return max(1, min(affinity, math.ceil(quota) if math.isfinite(quota) else affinity))


def _quota_v2(cgroup: Path) -> float | None:
    fields = _words(cgroup / "cpu.max")
    return _ratio(fields[0], fields[1]) if len(fields) == 2 else None


def _quota_v1(cgroup: Path) -> float | None:
    quota, period = _words(cgroup / "cpu/cpu.cfs_quota_us"), _words(cgroup / "cpu/cpu.cfs_period_us")
    return _ratio(quota[0], period[0]) if quota and period else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []


def _ratio(quota: str, period: str) -> float | None:
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:  # "max" and -1: no quota
        return None
    return int(quota) / int(period)
