"""`symae report`: the paper beside what was measured."""

from __future__ import annotations

from pathlib import Path

import click

from symae.cli import completion, voice

__all__ = ["report"]


@click.command(short_help="Set the paper's numbers beside what was measured.", context_settings={"show_default": True})
@click.argument("tables", nargs=-1, metavar="[TABLE]...", shell_complete=completion.sections)
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("benchmarks/results.jsonl"),
    help="What `symae evaluate --record` wrote.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["terminal", "markdown", "html", "json"]),
    help="What to write; default: as --out ends (.md, .html, .json), else for the terminal.",
)
@click.option("--json", "style", flag_value="json", help="The same as --format json.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: print.")
def report(tables: tuple[str, ...], results: Path, style: str | None, out: Path | None) -> None:
    """Set the paper's tables and figures beside what was measured, row by row; all of them, or each TABLE named.

    A row measured as its recipe stands has mean, standard deviation and number of seeds; what was measured
    narrower or shorter has lines of its own beneath; a row that was not run says what it needs.

    \b
    Examples:
      symae report table2 figure3
      symae report --out report.html
    """
    from symae.report import build_report, recorded, write_report

    lines, missing = recorded(results)
    if missing:
        voice.note(missing)
    text = write_report(build_report(lines, tables), style, out)
    if out is None:
        click.echo(text, nl=False)
    else:
        voice.say(f"{out} written")
