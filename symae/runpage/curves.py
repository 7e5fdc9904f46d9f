"""The curves of one run or of several: which charts there are, and what is in each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symae.report.chart import Trace, Traces
from symae.report.words import metric_words
from symae.runpage.record import Record
from symae.runpage.table import Metrics

__all__ = ["SEEN", "charts_of_run", "charts_of_runs", "named"]

LOG_RATIO = 8.0  # of the largest to the smallest value, from which on an axis is logarithmic
LOG_MOST = 1e5  # beyond, small values would take all the room
SEEN = "training_"  # begins the names of what was measured on images that were trained on
BESIDE = {"psnr_input": "psnr", "pixel_accuracy": "mean_iou"}  # what is drawn in whose chart
TOGETHER = {"psnr": "PSNR, dB", "mean_iou": "pixels, %"}  # titles of such charts
SHORT = {"psnr": "restored", "psnr_input": "damaged", "mean_iou": "mean IoU", "pixel_accuracy": "right"}

Points = tuple[tuple[float, float], ...]


def named(metric: str) -> str:
    """Name a column of what was measured, with its unit."""
    plain = metric.removeprefix(SEEN)
    words = "PSNR of the damaged, dB" if plain == "psnr_input" else metric_words(plain)
    return words if plain == metric else f"{words}, on training images"


def charts_of_run(record: Record) -> tuple[Traces, ...]:
    """Loss, what was measured (what has one unit together), learning rate, speed, wait."""
    metrics, groups = record.metrics, dict[str, list[str]]()
    for name in metrics.shown:
        groups.setdefault(_group(name), []).append(name)
    measured = [
        _chart(_title(first, names), [(_short(name), metrics.series(name)) for name in names])
        for first, names in groups.items()
    ]
    return (
        _chart("training loss", [("loss", metrics.series("loss"))], may_be_log=True),
        *measured,
        _chart("learning rate", [("rate", metrics.series("learning_rate"))], may_be_log=True),
        _chart("training speed, images/s", [("images/s", metrics.series("images_per_second"))], zero=True),
        _chart("time waited for data, %", [("waited", _wait(metrics))], zero=True),
    )


def charts_of_runs(records: Sequence[Record], labels: Sequence[str]) -> tuple[Traces, ...]:
    """A chart for each column, with a line for each run, which keeps its style in all of them."""
    measured = dict.fromkeys(name for record in records for name in record.metrics.shown)
    kept = [name for name in measured if name.removeprefix(SEEN) != "psnr_input"]

    def lines(name: str) -> list[tuple[str, Points]]:
        return [(label, record.metrics.series(name)) for label, record in zip(labels, records, strict=True)]

    return (
        _chart("training loss", lines("loss"), may_be_log=True),
        *(_chart(named(name), lines(name)) for name in kept),
        _chart("learning rate", lines("learning_rate"), may_be_log=True),
        _chart("training speed, images/s", lines("images_per_second"), zero=True),
    )


def _group(name: str) -> str:
    plain = name.removeprefix(SEEN)
    prefix = name[: len(name) - len(plain)]
    if plain.startswith(("accuracy_", "mean_average_precision_")):
        return prefix + plain.rpartition("_")[0]
    return prefix + BESIDE.get(plain, plain)


def _title(first: str, names: Sequence[str]) -> str:
    plain = first.removeprefix(SEEN)
    title = named(first)
    return title.replace(named(plain), TOGETHER[plain]) if len(names) > 1 and plain in TOGETHER else title


def _short(name: str) -> str:
    plain = name.removeprefix(SEEN)
    if plain in ("accuracy", "mean_average_precision"):
        return "all"
    return SHORT.get(plain, plain.removeprefix("mean_average_precision_").removeprefix("accuracy_").replace("_", " "))


def _wait(metrics: Metrics) -> Points:
    return tuple((epoch, 100 * share) for epoch, share in metrics.series("data_wait"))


def _chart(title: str, lines: Iterable[tuple[str, Points]], *, may_be_log: bool = False, zero: bool = False) -> Traces:
    traces = tuple(Trace(label, points, style) for style, (label, points) in enumerate(lines))
    values = [value for trace in traces for _, value in trace.points]
    log = may_be_log and bool(values) and min(values) > 0 and LOG_RATIO < max(values) / min(values) < LOG_MOST
    return Traces(title + (", logarithmic" if log else ""), "epoch", traces, log, zero)
