"""Numbers, metrics and changes as a reader sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from symae.recipes import Reported
from symae.report.collect import Group, Statistic

__all__ = [
    "NONE",
    "changed",
    "difference",
    "measured",
    "metric_words",
    "origin",
    "paper",
    "spread",
    "titled",
    "told_apart",
]

NONE = "—"
METRICS = {
    "accuracy": "accuracy, %",
    "certain": "certain of the unlabelled images, %",
    "mean_average_precision": "mean average precision, %",
    "mean_iou": "mean IoU, %",
    "pixel_accuracy": "pixel accuracy, %",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
}
WHOLE_NETWORK = ("network.name", "network.width", "network.full")


def metric_words(metric: str) -> str:
    """Name a metric with its unit."""
    words = metric.replace("_", " ")
    return METRICS.get(metric, words.replace("psnr", "PSNR") + (", dB" if "psnr" in metric else ", %"))


def titled(title: str, metrics: Sequence[str]) -> str:
    """Add metric and unit to a title, where there is one metric."""
    if len(metrics) != 1:
        return title
    name, _, unit = metric_words(metrics[0]).rpartition(", ")
    return f"{title} ({unit if name and name.lower() in title.lower() else metric_words(metrics[0])})"


def paper(reported: Reported | None) -> str:
    """Write the paper's number with as many decimals as the paper has."""
    if reported is None or reported.value is None:
        return NONE
    decimals = max(1, len(f"{reported.value:.10g}".partition(".")[2]))
    return spread(reported.value, reported.spread, decimals)


def spread(mean: float, deviation: float | None, decimals: int = 2) -> str:
    """Write a mean and its standard deviation, e.g. "80.22 ± 0.37"."""
    return f"{mean:.{decimals}f}" + ("" if deviation is None else f" ± {deviation:.{decimals}f}")


def measured(statistic: Statistic | None) -> str:
    """Write what was measured."""
    return NONE if statistic is None else spread(statistic.mean, statistic.deviation)


def difference(reference: float | None, statistic: Statistic | None) -> str:
    """Write a published number minus the measured one, with its sign."""
    if reference is None or statistic is None:
        return NONE
    return f"{reference - statistic.mean:+.2f}".replace("-", "−")


def origin(group: Group, metric: str) -> str:
    """Say on what a group was measured: data, part, device, commit; and how many pre-trainings it goes back to."""
    runs = group.measured(metric)
    parts = [group.data if group.part == "test" else f"{group.data}, {group.part} images", _devices(group)]
    commits = list(dict.fromkeys(_short(run.commit) for run in runs if run.commit))
    parts.append(" ".join(commits) if len(commits) < 3 else f"{len(commits)} commits")
    starts = {run.start for run in runs if run.start}
    if starts and len(runs) > 1:
        parts.append(f"{len(starts)} pre-training" + ("s" if len(starts) > 1 else ""))
    folds = {run.fold for run in runs if run.fold is not None}
    if folds:
        parts.append(f"{len(folds)} fold" + ("s" if len(folds) > 1 else ""))
    return "; ".join(part for part in parts if part)


def changed(group: Group) -> str:
    """Say compactly how the runs of a group depart from their recipe, e.g. "network 2 x 0.25, 60 epochs".

    It is empty for a group that is measured as the recipe stands, and for no other.
    """
    return (_changed(group, whole=group.whole) or _changed(group, whole=True)) if not group.full else ""


def told_apart(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Have those told whole that would read like another one of their recipe that was changed otherwise."""
    told: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        told.setdefault((group.recipe, changed(group)), []).append(group)
    return tuple(
        replace(group, whole=any((other.changes, other.start) != (group.changes, group.start) for other in alike))
        for group in groups
        for alike in [told[group.recipe, changed(group)]]
    )


def _changed(group: Group, *, whole: bool) -> str:
    told, told_before = (frozenset[str](), frozenset[str]()) if whole else group.implied
    words = _settings(group.changes, group.runs[0].network, whole, told)
    if group.start is not None:
        own = {key: value for key, value in group.start.changes.items() if group.changes.get(key) != value}
        before = ", ".join(_settings(own, "", whole, told_before))
        if not group.usual:
            words.append(f"from {group.start.recipe}" + (f" ({before})" if before else ""))
        elif before:
            words.append(f"pre-trained: {before}")
    return ", ".join(words)


def _settings(changes: Mapping[str, Any], network: str, whole: bool, told: Set[str]) -> list[str]:
    words = []
    if any(key in changes for key in WHOLE_NETWORK):
        words.append(re.sub(r"^network(?=\d)", "network ", network) or f"width {changes.get('network.width', 1):g}")
    hidden = {*WHOLE_NETWORK, *told, *(() if whole else ("validate_every",))}
    return words + [_setting(key, value) for key, value in changes.items() if key not in hidden]


def _setting(key: str, value: Any) -> str:
    if key == "epochs":
        return f"{value} epochs" if value != 1 else "1 epoch"
    if key == "labels":
        return "all labels" if value is None else f"{value:,} labels"
    told = value if isinstance(value, str) else json.dumps(value)
    if key.startswith("probe."):
        return f"probed with {key.removeprefix('probe.')} {told}"
    return f"{key.removeprefix('network.').replace('_', ' ')} {told}"


def _devices(group: Group) -> str:
    names = {run.device.removeprefix("NVIDIA ") for run in group.runs}
    return next(iter(names)) if group.device == "GPU" and len(names) == 1 else group.device


def _short(commit: str) -> str:
    return commit[:7] + ("+" if commit.endswith("+") else "")
