"""A report as one HTML file with its plots inside, nothing loaded from elsewhere."""

from __future__ import annotations

from importlib.resources import files

import jinja2
from markupsafe import Markup

from symae.report.build import Report
from symae.report.chart import Chart
from symae.report.plot import draw
from symae.run import commit

__all__ = ["to_html"]


def to_html(report: Report) -> str:
    """Write a report as a page that stands alone; the same results and source give the same text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(draw=_drawn)
    template = environment.from_string((files("symae.report") / "page.html").read_text(encoding="utf-8"))
    return template.render(report=report, commit=commit())


def _drawn(chart: Chart) -> Markup:
    return Markup(draw(chart))  # every text in it is escaped
