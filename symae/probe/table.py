"""The numbers of figure 3 for the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from symae.probe.scores import Figure

__all__ = ["figure_table", "short_names"]

FINAL = {"linear": "linear_accuracy", "1-NN": "knn1_accuracy", "20-NN": "knn20_accuracy"}


def figure_table(figure: Figure) -> Table:
    """Make a table with a row for each layer, and two columns, accuracy and PSNR, for each run."""
    table = Table(box=None, header_style="bold")
    table.add_column("layer", justify="right")
    for name in short_names(figure):
        table.add_column(f"{name}, %", justify="right")
        table.add_column("dB", justify="right")
    for layer in sorted({score.layer for run in figure.runs for score in run.layers}):
        table.add_row(str(layer), *_cells(figure, f"probe_accuracy_{layer}", f"probe_psnr_{layer}"))
    for title, name in FINAL.items():
        table.add_row(title, *_cells(figure, name, ""))
    return table


def short_names(figure: Figure) -> list[str]:
    """Name runs by their directories where these differ, else by their paths."""
    names = [Path(run.run).name for run in figure.runs]
    return names if len(set(names)) == len(names) else [run.run for run in figure.runs]


def _cells(figure: Figure, *names: str) -> list[str]:
    return [
        f"{values[name]:.2f}" if name in values else ""
        for values in (run.values() for run in figure.runs)
        for name in names
    ]
