"""Which request it is: the id under which logs, errors and traces of several systems speak of one call."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

__all__ = ["CURRENT", "REQUEST_ID", "request_id"]

REQUEST_ID = "x-request-id"
CURRENT: ContextVar[str] = ContextVar("request", default="")  # the id of the request that is worked on
_HARMLESS = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")  # neither floods a log nor breaks out of a line of it


def request_id(metadata: Iterable[tuple[str, Any]] | None) -> str:
    """Take the caller's id, so that one search finds it in all logs, unless it could harm them; else make one."""
    for key, value in metadata or ():
        if key == REQUEST_ID and isinstance(value, str) and _HARMLESS.fullmatch(value):
            return value
    return f"{random.getrandbits(64):016x}"
