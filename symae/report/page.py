"""A report as one HTML file with its plots inside, nothing loaded from elsewhere."""

from __future__ import annotations

from symae.report.build import Report
from symae.report.render import render
from symae.run import commit

__all__ = ["to_html"]


def to_html(report: Report) -> str:
    """Write a report as a page that stands alone; the same results and source give the same text."""
    return render("page.html", report=report, commit=commit())
