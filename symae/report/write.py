"""A report written in one of its styles, to a file or to be printed."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path

from serve.files import appears_whole
from symae import plain
from symae.report.build import Report
from symae.report.markdown import to_markdown
from symae.report.section import Row, Section
from symae.report.terminal import to_terminal

__all__ = ["write_report"]

SUFFIXES = {".md": "markdown", ".html": "html", ".htm": "html", ".json": "json"}
NARROWEST = 100  # columns that a table of numbers needs


def write_report(report: Report, style: str | None, out: Path | None) -> str:
    """Write a report.

    Args:
        report: to be written.
        style: "terminal", "markdown", "html" or "json"; None: by the suffix of `out`, else "terminal".
        out: the file, which appears whole; None: nothing is written.

    Returns:
        The text.
    """
    style = style or SUFFIXES.get("" if out is None else out.suffix.lower(), "terminal")
    text = _text(report, style, colour=out is None and sys.stdout.isatty())
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with appears_whole(out) as file:
            file.write_text(text, encoding="utf-8")
    return text


def to_json(report: Report) -> str:
    """Write a report for machines: each table's rows with their cells by column, and every measurement in it."""
    sections = [
        {
            "name": section.name,
            "title": section.title,
            "rows": [{"kind": row.kind, **_cells(section, row)} for row in section.rows],
            "measured": [dataclasses.asdict(line.result) for line in section.runs],
        }
        for section in report.sections
    ]
    return plain.to_json({"sections": sections}) + "\n"


def _cells(section: Section, row: Row) -> dict[str, str]:
    return {column.title: cell for column, cell in zip(section.columns, row.cells, strict=True)}


def _text(report: Report, style: str, *, colour: bool) -> str:
    if style == "markdown":
        return to_markdown(report)
    if style == "json":
        return to_json(report)
    if style == "html":
        from symae.report.page import to_html

        return to_html(report)
    return to_terminal(report, width=max(NARROWEST, shutil.get_terminal_size((140, 24)).columns), colour=colour)
