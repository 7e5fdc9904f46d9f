"""Counters as plain dictionaries, lists and numbers: they travel as JSON, and are added up without being understood."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from serve.batching.statistics import ModelStatistics
from serve.observing.counts import RequestCounts
from serve.observing.histogram import Histogram

__all__ = ["Plain", "PlainError", "counts_of", "merged", "plain", "plain_counts", "statistics_of"]

Plain = Any  # of the json module
COUNTS = ("requests", "durations", "phases")
LATEST = "last_inference"  # of several, the latest counts, not the sum


class PlainError(ValueError):
    """This is not what `plain` makes."""


def plain(value: Any) -> Plain:
    """Write counters; to be called on any thread."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, Histogram):
        return {"counts": list(value.counts), "sum": value.sum}
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): plain(one) for key, one in tuple(value.items())}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(one) for one in value]


def plain_counts(counts: RequestCounts) -> Plain:
    """Write the counts of requests."""
    return {name: plain(getattr(counts, name)) for name in COUNTS}


def merged(all_of: Iterable[Plain]) -> Plain:
    """Add up; nothing at all is an empty dictionary."""
    total: Plain = {}
    for one in all_of:
        total = _sum(total, one) if total else one
    return total


def statistics_of(read: Plain) -> ModelStatistics:
    """Read the statistics of a model.

    Raises:
        PlainError: they are none.
    """
    statistics = ModelStatistics()
    _checked(statistics, read)
    return statistics


def counts_of(read: Plain) -> RequestCounts:
    """Read the counts of requests.

    Raises:
        PlainError: they are none.
    """
    counts = RequestCounts()
    if not isinstance(read, dict) or not set(read) <= set(COUNTS):
        raise PlainError("no counts of requests")
    for name, part in read.items():
        _checked(getattr(counts, name), part)
    return counts


def _sum(first: Plain, second: Plain, name: str = "") -> Plain:
    if isinstance(first, dict):
        shared = {key: _sum(first[key], second[key], key) for key in first if key in second}
        return first | second | shared
    if isinstance(first, list):
        return [_sum(one, other) for one, other in zip(first, second, strict=True)]
    return max(first, second) if name == LATEST else first + second


def _checked(target: Any, read: Plain) -> None:
    try:
        _fill(target, read)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise PlainError(f"no counters: {error}") from error


def _fill(target: Any, read: Plain) -> None:
    """Write what was read into counters that are all 0."""
    if isinstance(target, Histogram):
        target.add_all(list(map(_number, read["counts"])), _number(read["sum"]))
    elif isinstance(target, tuple):
        for one, part in zip(target, read, strict=True):
            _fill(one, part)
    elif isinstance(target, dict):
        for key, part in read.items():
            _put(target, _key(key), part)
    else:
        names = {field.name for field in fields(target)}  # and nothing else that an object has
        for name, part in read.items():
            before = getattr(target, name) if name in names else None
            if isinstance(before, int | float):
                setattr(target, name, _number(part))
            else:
                _fill(before, part)


def _put(target: Any, key: Any, part: Plain) -> None:
    before = target[key]
    if isinstance(before, int):
        target[key] = _number(part)
    else:
        _fill(before, part)


def _key(key: str) -> Any:
    if key[:1] == "[":
        return tuple(json.loads(key))
    return int(key) if key.isdigit() else key


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise TypeError(f"no number: {value!r}")
