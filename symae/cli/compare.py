"""`symae compare`: runs side by side, and the page of one."""

from __future__ import annotations

from pathlib import Path

import click

from symae.cli import completion, voice

__all__ = ["compare"]


@click.command(short_help="Lay runs side by side, or write the page of one.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Page to write; default: compare.html, and for one run its report.html.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; writes a page only with --out.")
@click.option("--watts", type=click.FloatRange(0), help="Power of a device with its share of the machine.")
@click.option("--kwh-price", type=click.FloatRange(0), help="What a kilowatt hour costs you.")
@click.option("--hour-price", type=click.FloatRange(0), help="What an hour of a device costs you.")
def compare(
    runs: tuple[Path, ...],
    out: Path | None,
    as_json: bool,
    watts: float | None,
    kwh_price: float | None,
    hour_price: float | None,
) -> None:
    """Lay RUNS side by side: results, what differs in their recipes, curves, pictures.

    Of one run it writes the page once more that training writes, report.html in the run directory; of several
    it also writes those that are missing. Costs are computed from prices that you give.

    \b
    Examples:
      symae compare runs/shortcut runs/plain --out compare.html
      symae compare runs/shortcut --hour-price 2.5
    """
    import shutil
    import sys

    from symae.runpage import Price, compare_runs, to_plain, to_terminal, write_pages

    price = Price(watts, kwh_price, hour_price)
    found = compare_runs(runs)
    if not as_json:
        width = max(100, shutil.get_terminal_size((140, 24)).columns)
        click.echo(to_terminal(found, width=width, colour=sys.stdout.isatty()), nl=False)
    else:
        voice.result(to_plain(found))
    if as_json and out is None:
        return
    for line in write_pages(found, out, price):
        (voice.note if as_json else voice.say)(line)
