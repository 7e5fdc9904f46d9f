"""The same numbers from every engine: how far PyTorch and ONNX Runtime on a device are from PyTorch on the CPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from symae.report.collect import Group
from symae.report.provenance import provenance
from symae.report.section import Column, Row, Section
from symae.report.words import NONE, origin
from symae.results import Result

__all__ = ["NAME", "parity"]

NAME = "parity"
TORCH, ONNX = "parity-torch", "parity-onnx"  # as benchmarks/gpu_session.py records them
NOTES = (
    "Networks at full size with drawn weights, in float32 without TF32, as auto-encoder, encoder, classifier of one "
    "class and of several, segmenter (where the first convolution has stride 1): the largest of their differences.",
    "PyTorch: outputs and losses relative to their size, gradients over all weights relative to their norm.",
    "ONNX Runtime, against PyTorch on both: restored pixels in steps of a byte; features and probabilities as such.",
)
COMMAND = "python benchmarks/gpu_session.py --state STATE --out OUT --jobs parity"


def parity(groups: Sequence[Group]) -> Section:
    """Set out what was compared, a row for each network and device."""
    own = [group for group in groups if group.recipe in (TORCH, ONNX)]
    places = dict.fromkeys((run.network, run.device) for group in own for run in group.runs)
    missing = Row((NONE,) * 5 + (f"not run: needs a GPU; {COMMAND}",), "missing")
    return Section(
        name=NAME,
        title="Largest differences between engines, from PyTorch on the CPU",
        notes=NOTES,
        columns=(
            Column("network"),
            *(Column(f"PyTorch: {what}", number=True) for what in ("outputs, losses", "gradients")),
            *(Column(f"ONNX Runtime: {what}", number=True) for what in ("bytes", "features, probabilities")),
            Column("measured on"),
        ),
        rows=tuple(_row(own, *place) for place in places) or (missing,),
        commands=(COMMAND,),
        runs=provenance(own, lambda _: True, {}),
    )


def _row(groups: Sequence[Group], network: str, device: str) -> Row:
    runs = {run.recipe: run for group in groups for run in group.runs if (run.network, run.device) == (network, device)}

    def worst(recipe: str, counted: Callable[[str], bool]) -> str:
        values = runs[recipe].values.items() if recipe in runs else ()
        found = [value for name, value in values if counted(name)]
        return f"{max(found):.2g}" if found else NONE

    cells = (
        worst(TORCH, lambda name: not name.endswith(" gradient")),
        worst(TORCH, lambda name: name.endswith(" gradient")),
        worst(ONNX, lambda name: name.endswith(": reconstruction")),
        worst(ONNX, lambda name: not name.endswith(": reconstruction")),
    )
    told = dict.fromkeys(_origin(groups, run) for run in runs.values())
    return Row((network, *cells, " / ".join(told)), "other")


def _origin(groups: Sequence[Group], run: Result) -> str:
    """On what, and at which commit."""
    group = next(group for group in groups if run in group.runs)
    return origin(dataclasses.replace(group, runs=(run,)), next(iter(run.values)))
