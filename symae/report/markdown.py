"""A report as Markdown, for a README or for documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from symae.report.build import Report
from symae.report.section import Column, Section

__all__ = ["to_markdown"]


def to_markdown(report: Report) -> str:
    """Write a report as Markdown; the same results give the same text."""
    lines: list[str] = []
    whole = len(report.sections) > 1
    if whole:
        lines += _contents(report.sections)
    for section in report.sections:
        if whole:
            lines.append(f'<a id="{section.name}"></a>\n')  # sites name headings differently
        lines += _section(section)
    return "\n".join([*lines, *report.notes]).rstrip() + "\n"


def _contents(sections: Sequence[Section]) -> Iterator[str]:
    """How much of each section was measured; what was not run as it stands may have been run with changes."""
    yield _line(("lines of", "measured as they stand", "with changes", "not run as they stand"))
    yield "| --- | ---: | ---: | ---: |"
    for section in sections:
        counts = [str(section.count(kind)) for kind in ("full", "changed", "missing")]
        yield _line((f"[{section.name}](#{section.name})", *counts))
    yield ""


def _section(section: Section) -> Iterator[str]:
    yield f"### {section.name}: {section.title}\n"
    for note in section.notes:
        yield f"{note}\n"
    yield _line(column.title for column in section.columns)
    yield _line(map(_rule, section.columns))
    yield from (_line(row.cells) for row in section.rows)
    yield ""
    if section.commands:
        yield "<details><summary>Commands</summary>\n\n```sh"
        yield from section.commands
        yield "```\n</details>\n"


def _rule(column: Column) -> str:
    return "---:" if column.number else "---"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
