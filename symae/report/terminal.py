"""A report as tables in a terminal."""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from symae.report.build import Report
from symae.report.section import Section

__all__ = ["to_terminal"]

STYLES = {"full": "bold", "missing": "dim", "changed": "", "other": "italic"}


def to_terminal(report: Report, *, width: int, colour: bool) -> str:
    """Write a report for a terminal.

    Args:
        report: to be shown.
        width: of the terminal in columns.
        colour: with control sequences for colours and weights.
    """
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, highlight=False, color_system="auto")
    for section in report.sections:
        _show(section, console)
    for note in report.notes:
        console.print(note, markup=False)
    return out.getvalue()


def _show(section: Section, console: Console) -> None:
    console.print(f"[bold]{escape(section.name)}[/]  {escape(section.title)}")
    for note in section.notes:
        console.print(note, style="italic", markup=False)
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in section.columns:
        table.add_column(column.title, justify="right" if column.number else "left", no_wrap=False, overflow="fold")
    for row in section.rows:
        table.add_row(*map(escape, row.cells), style=STYLES[row.kind])
    console.print(table)
    for line in section.commands:
        console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)
    console.print()
