"""Figure 3: accuracy and reconstruction of each layer's features, a line for each run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from serve.files import appears_whole

__all__ = ["Curve", "draw"]

# Okabe and Ito's colours, told apart by colour-blind people; marks and dashes tell them apart in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Curve:
    """One run's two lines.

    Attributes:
        label: for the legend.
        accuracy: layer -> per cent.
        psnr: layer -> dB.
    """

    label: str
    accuracy: Mapping[int, float]
    psnr: Mapping[int, float]

    @classmethod
    def of(cls, label: str, values: Mapping[str, float]) -> Curve:
        """Take the lines from values by name, as `RunScores.values` and results on record have them."""
        return cls(label, _by_layer("probe_accuracy_", values), _by_layer("probe_psnr_", values))


def draw(curves: Sequence[Curve], *files: Path) -> None:
    """Draw both panels into files whose names say the format; each appears whole or not at all."""
    for file in files:
        kind = file.suffix.removeprefix(".")
        with mpl.rc_context({"svg.hashsalt": "symae", "svg.fonttype": "none"}), appears_whole(file) as partial:
            # Without a date and with a canvas of its own the same numbers give the same file.
            _canvas(curves).savefig(partial, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)


def _canvas(curves: Sequence[Curve]) -> Canvas:
    canvas = Canvas(figsize=(9, 3.8), layout="constrained")
    left, right = canvas.subplots(1, 2)
    _panel(left, "(a) classification", "test accuracy, %", [(c.label, c.accuracy) for c in curves])
    _panel(right, "(b) reconstruction", "test PSNR, dB", [(c.label, c.psnr) for c in curves])
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=min(3, len(curves)), frameon=False)
    return canvas


def _panel(axes: Axes, title: str, unit: str, lines: Sequence[tuple[str, Mapping[int, float]]]) -> None:
    for number, (label, values) in enumerate(lines):
        axes.plot(
            list(values),
            list(values.values()),
            label=label,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKS[number % len(MARKS)],
            linestyle=DASHES[number % len(DASHES)],
        )
    axes.set(title=title, xlabel="layer of the encoder, after its ReLU", ylabel=unit)
    axes.set_xticks(sorted({layer for _, values in lines for layer in values}))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _by_layer(prefix: str, values: Mapping[str, float]) -> dict[int, float]:
    found = {
        int(name.removeprefix(prefix)): value for name, value in values.items() if re.fullmatch(rf"{prefix}\d+", name)
    }
    return dict(sorted(found.items()))
