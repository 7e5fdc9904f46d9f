"""What was measured as lines of text, as one JSON document, and as a plot."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import math
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from serve.bench.plan import Measured
from serve.cpu import usable_cpus

__all__ = ["as_json", "circumstances", "lines", "plot"]

PACKAGES = ("symae", "grpcio", "protobuf", "numpy", "onnxruntime", "onnxruntime-gpu")
HEADER = ("level", "load", "images/s", "of raw", "p50 ms", "p95 ms", "p99 ms", "errors", "CPU s", "server", "MB")


def lines(results: Sequence[Measured]) -> Iterator[str]:
    """Write a table: images a second, also over the raw runtime at its best batch; times in milliseconds.

    CPU s are processor seconds a second of who made the load (without a wire: of everything), and of the server.
    """
    rows = [HEADER, *(_row(result, best(results)) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
    if (late := max((r.figures.late for r in results), default=0.0)) > 0.005:
        yield f"calls went out up to {late * 1000:.0f} ms late: this rate is too much for who makes the load"


def best(results: Sequence[Measured]) -> float:
    """Images a second of the raw runtime at its best batch; nan where it was not measured."""
    raw = [result.figures.images_per_second for result in results if result.level == "runtime"]
    return max(raw, default=math.nan)


def as_json(results: Sequence[Measured], target: str) -> dict[str, Any]:
    """Make one document of it all; nan becomes null."""
    points = [_clean(dataclasses.asdict(result)) for result in results]
    return {"target": target, **circumstances(), "results": points}


def circumstances() -> dict[str, Any]:
    """Say where and when: date, machine, processors, versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": device(),
        "cpus": usable_cpus(),
        "versions": {"python": platform.python_version(), **dict(_versions())},
    }


def device() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def plot(results: Sequence[Measured], path: Path) -> None:
    """Draw images a second, and the times of the calls, over the load.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    rates, times = figure.subplots(1, 2)
    for level in dict.fromkeys(result.level for result in results if result.level != "runtime"):
        own = [result for result in results if result.level == level]
        loads = [_short(result) for result in own]
        rates.plot(loads, [result.figures.images_per_second for result in own], "o-", label=level)
        for name, style in (("p50", "o-"), ("p99", "^--")):
            values = [1000 * getattr(result.figures, name) for result in own]
            times.plot(loads, values, style, label=f"{level}, {name}")
    if not math.isnan(raw := best(results)):
        rates.axhline(raw, color="gray", linestyle=":", label="raw runtime at its best batch")
    rates.set(title="images a second", xlabel="load", ylim=(0, None))
    times.set(title="time of a call, ms", xlabel="load", yscale="log")
    for axes in (rates, times):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _row(result: Measured, raw: float) -> tuple[str, ...]:
    figures, share = result.figures, result.figures.images_per_second / raw
    errors = ", ".join(f"{count} {status}" for status, count in figures.errors.items())
    server = "" if figures.server_cpu is None else f"{figures.server_cpu / figures.seconds:.2f}"
    return (
        result.level,
        _long(result) + ("" if result.whole else " (ended early)"),
        f"{figures.images_per_second:,.1f}",
        "" if math.isnan(share) else f"{share:.2f}",
        *(f"{1000 * value:,.2f}" for value in (figures.p50, figures.p95, figures.p99)),
        errors or "0",
        f"{figures.cpu / figures.seconds:.2f}",
        server,
        "" if figures.memory is None else f"{figures.memory / 1e6:,.0f}",
    )


def _long(result: Measured) -> str:
    images = "" if result.payload.images == 1 else f" x {result.payload.images} images"
    return f"{_short(result)}{images}" if result.level != "runtime" else _short(result)


def _short(result: Measured) -> str:
    if result.level == "runtime":
        return f"batch {result.payload.images}"
    if result.load.rate:
        return f"{result.load.rate:g}/s"
    return f"{result.load.callers} caller{'s' if result.load.callers > 1 else ''}"


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
