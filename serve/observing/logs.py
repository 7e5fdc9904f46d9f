"""What the server writes to its log: lines of text or of JSON, each with the id of the request that it is about.

A request's id stands in every line that is written while it is worked on. Of lines that are alike, such as those of a
fault that hits every request, a few a minute are written and the rest counted.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from serve.protocol.identity import CURRENT

__all__ = ["FORMATS", "LEVELS", "AccessLog", "Flood", "configure"]

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
ACCESS = "serve.access"
PLENTY = 5  # lines alike that are written
WINDOW = 60.0  # seconds after which as many are written again
KINDS = 1000  # that are told apart at a time


def configure(level: str, form: str) -> None:
    """Send what is logged to the standard error, unless the program that we are part of has seen to its log itself.

    Args:
        level: of `LEVELS`; what is less important is left out. "info" has a line for every request.
        form: of `FORMATS`.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_with_request)
    handler.addFilter(Flood())
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(level=level.upper(), handlers=[handler])


class Flood(logging.Filter):
    """Lets the first few lines of a minute through that are alike: written at one place, for one kind of error."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[object, ...], tuple[float, int]] = {}  # -> begin of its window, lines in it

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write a line; the first after some that were not says how many."""
        if record.name == ACCESS or record.levelno < logging.WARNING:
            return True
        kind, now = _kind(record), time.monotonic()
        began, count = self._kinds.pop(kind, (now, 0))
        if now - began >= WINDOW:
            if count > PLENTY:
                record.msg = f"{record.msg} (and {count - PLENTY} lines like this one in the {WINDOW:g} s before)"
            began, count = now, 0
        self._kinds[kind] = (began, count + 1)
        if len(self._kinds) > KINDS:
            del self._kinds[next(iter(self._kinds))]  # the one that was longest not seen
        return count < PLENTY


class AccessLog:
    """A line for every request: whose it is, how it ended and where its time went; nothing of its images."""

    def __init__(self) -> None:
        self._log = logging.getLogger(ACCESS)

    @staticmethod
    def wanted() -> bool:
        """Whether anybody reads it."""
        return logging.getLogger(ACCESS).isEnabledFor(logging.INFO)

    def ended(self, ticket: Any, code: Any, context: Any) -> None:
        """Write it; see `serve.protocol.ticket.Observer`."""
        spent = ticket.spent
        fields = {
            "call": ticket.call,
            "status": code.name,
            "model": ticket.model.name if ticket.model else "",
            "version": ticket.model.version if ticket.model else "",
            "images": ticket.images,
            "peer": context.peer(),
            "ms": _ms(time.monotonic() - ticket.arrived),
            "decode_ms": _ms(spent.decode),
            "queue_ms": _ms(spent.queue),
            "run_ms": _ms(spent.run),
            "encode_ms": _ms(spent.encode),
        }
        self._log.info("%(call)s %(status)s", fields, extra={"fields": fields, "request": ticket.id})


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": getattr(record, "request", ""),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in line.items() if value != ""}, ensure_ascii=False, default=str)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(about)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        request, fields = getattr(record, "request", ""), getattr(record, "fields", {})
        record.about = f" [{request}]" if request else ""
        line = super().format(record)
        rest = " ".join(f"{key}={value}" for key, value in fields.items() if key not in ("call", "status"))
        return f"{line} {rest}" if rest else line


def _with_request(record: logging.LogRecord) -> bool:
    if not hasattr(record, "request"):
        record.request = CURRENT.get()
    return True


def _kind(record: logging.LogRecord) -> tuple[object, ...]:
    error = record.exc_info[1] if record.exc_info else None
    trace = error.__traceback__ if error else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    return record.name, record.lineno, record.msg, type(error), trace and (trace.tb_frame.f_code, trace.tb_lineno)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)
