"""Pages that stand alone: a template with its style and its plots inside, nothing loaded from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from symae.report.chart import Chart
from symae.report.plot import draw

__all__ = ["render"]

ROOMS = ("symae.report", "symae.runpage")  # where templates lie


def render(template: str, **values: Any) -> str:
    """Fill a template in; what is not marked as safe is text, whatever is in it."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    """Made once: a training fills the same template in again and again."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_source),
    )
    environment.filters.update(draw=_drawn)
    return environment


def _source(name: str) -> str | None:
    found = (files(room) / name for room in ROOMS)
    return next((file.read_text(encoding="utf-8") for file in found if file.is_file()), None)


def _drawn(chart: Chart) -> Markup:
    return Markup(draw(chart))  # every text in it is escaped
