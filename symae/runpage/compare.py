"""Several runs as one HTML file, as tables in a terminal, or as JSON."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from symae.plain import finite
from symae.report.render import render
from symae.report.svg import DASHES
from symae.report.traces import COLOURS
from symae.runpage.comparison import Comparison, Line, first_strip
from symae.runpage.curves import charts_of_runs
from symae.runpage.facts import Price
from symae.runpage.pictures import ShownRow, shown_row
from symae.runpage.record import Record
from symae.runpage.strip import Strip, StripRow
from symae.runpage.words import state_words

__all__ = ["to_html", "to_plain", "to_terminal"]

PICTURE_BYTES = 1_400_000  # of all strips on a page, as text


@dataclass(frozen=True)
class Whose:
    """How a run is drawn: number of its colour, dashes of its line."""

    label: str
    colour: int
    dashes: str


def to_html(found: Comparison, price: Price) -> str:
    """Lay runs side by side on a page that stands alone."""
    groups, left_out = _pictures(found)
    return render(
        "compare.html",
        found=found,
        whose=[Whose(label, i % COLOURS, DASHES[i % len(DASHES)]) for i, label in enumerate(found.labels)],
        charts=charts_of_runs(found.records, found.labels),
        states=[state_words(record)[0] for record in found.records],
        groups=groups,
        left_out=left_out,
        costs=_costs(found, price),
    )


def to_terminal(found: Comparison, *, width: int, colour: bool) -> str:
    """Write results and differences as tables for a terminal; a run is a column."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, highlight=False, color_system="auto")
    console.print(_table("", found.results, found))
    if found.differences:
        console.print(_table("differs in", found.differences, found))
    elif len(found.records) > 1:
        console.print("The runs differ in no setting.")
    for note in found.notes:
        console.print(note, style="italic", markup=False)
    return out.getvalue()


def to_plain(found: Comparison) -> dict[str, Any]:
    """The same for a machine: plain JSON values, numbers as they were measured, None for one that is not finite."""
    values = {
        "runs": [_plain(found, number) for number in range(len(found.records))],
        "differences": {line.name: line.cells for line in found.differences},
        "comparable": found.comparable,
        "notes": found.notes,
    }
    return {key: finite(value) for key, value in values.items()}


def _plain(found: Comparison, number: int) -> dict[str, Any]:
    record, facts = found.records[number], found.facts[number]
    return {
        "run": str(record.run.path),
        "label": found.labels[number],
        "recipe": record.run.recipe.name,
        "seed": record.run.seed,
        "state": record.state,
        "epochs": record.metrics.epochs,
        "last": dict((record.metrics.rows or ({},))[-1]),
        "best": {name: record.metrics.best(name) for name in record.metrics.measured},
        "changes": {setting.key: setting.value for setting in record.settings if setting.changed},
        **{key: value for key, value in dataclasses.asdict(facts).items() if key != "forward"},
        "flops": facts.flops,
        "parameters": record.parameters,
    }


def _table(first: str, lines: Sequence[Line], found: Comparison) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column(first, style="dim", overflow="fold")
    for label in found.labels:
        table.add_column(escape(label), justify="right", overflow="fold")
    summed = any(line.summary for line in lines)
    if summed:
        table.add_column("mean ± deviation", justify="right")
    for line in lines:
        cells = [f"[bold]{escape(cell)} *[/]" if i in line.best else escape(cell) for i, cell in enumerate(line.cells)]
        table.add_row(escape(line.name), *cells, *([escape(line.summary)] if summed else []))
    return table


def _costs(found: Comparison, price: Price) -> tuple[Line, ...]:
    """Energy and money of each run, where the reader told a price."""
    kwh, money = [fact.kwh(price) for fact in found.facts], [fact.money(price) for fact in found.facts]
    lines = []
    if None not in kwh:
        lines.append(Line(f"kWh at {price.watts:g} W", tuple(f"{value:.3g}" for value in kwh)))
    if None not in money:
        lines.append(Line("money, at the price given", tuple(f"{value:.3g}" for value in money)))
    return tuple(lines)


def _pictures(found: Comparison) -> tuple[list[tuple[ShownRow, ...]], list[str]]:
    """Group runs that were looked at on the same pictures: these once, then what each run made of them at last."""
    groups: dict[bytes, list[int]] = {}
    for number, record in enumerate(found.records):
        if pictures := first_strip(record):
            groups.setdefault(pictures, []).append(number)
    room, left_out, shown = PICTURE_BYTES, [], []
    for numbers in groups.values():
        rows: dict[tuple[str, tuple[str, ...]], ShownRow] = {}
        for number in numbers:
            mine = {(row.uri, row.words): row for row in _rows(found.records[number], found.labels[number])}
            new = {key: row for key, row in mine.items() if key not in rows}
            size = sum(len(row.uri) for row in new.values())
            if size > room:
                left_out.append(found.labels[number])
                continue
            room -= size
            rows |= new
        shown.append(tuple(sorted(rows.values(), key=lambda row: row.label not in ("clean", "image", "given"))))
    return shown, left_out


def _rows(record: Record, label: str) -> list[ShownRow]:
    strip = record.strip
    assert strip is not None
    last = [row for row in strip.rows if row.epoch == max(strip.epochs, default=-1)]
    fixed = [row for row in strip.rows if not row.epoch]
    return [_row(record, strip, row, f"{label}, epoch {row.epoch}" if row.epoch else row.name) for row in fixed + last]


def _row(record: Record, strip: Strip, row: StripRow, label: str) -> ShownRow:
    return shown_row(record.run.path, strip, row, label)
