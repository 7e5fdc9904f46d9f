"""Random and mutated bytes at every call of a server, which must bear them: no crash, no INTERNAL, and it goes on.

    python -m benchmarks.fuzz localhost:50051 --minutes 5

Everything is called that the server's reflection names, streams included: the calls of both protocols, health and
reflection itself. Exits with 1 where an answer was one that no request may bring about, and shows the bytes.
"""

from __future__ import annotations

import sys

import click

from benchmarks.fuzzing import FORBIDDEN, Found, fuzz
from serve.errors import ServeError


@click.command()
@click.argument("address")
@click.option("--minutes", default=5.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--seed", default=0, show_default=True, help="The same seed gives each caller the same bytes.")
@click.option("--callers", default=4, show_default=True, type=click.IntRange(1))
def main(address: str, minutes: float, seed: int, callers: int) -> None:
    """Throw bytes at the server at ADDRESS, which should be on this machine."""
    try:
        found = fuzz(address, 60 * minutes, seed, callers, _progress)
    except ServeError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"\r{table(found)}")
    for finding in found.findings:
        click.echo(f"{finding.method} {finding.status}: {finding.details}")
        click.echo("\n".join(f"  {message[:200].hex()}" for message in finding.messages))
    if not found.alive:
        click.echo("the server did not answer a good call")
    sys.exit(1 if found.bad or not found.alive else 0)


def table(found: Found) -> str:
    """Lay out the counts: a row for each call, a column for each status."""
    statuses = sorted({status for _, status in found.counts}, key=lambda status: (status in FORBIDDEN, status))
    methods = sorted({method for method, _ in found.counts})
    width = max(map(len, methods), default=0)
    rows = [[f"{found.counts[method, status]:>18}" for status in statuses] for method in methods]
    sums = [f"{sum(found.counts[method, status] for method in methods):>18}" for status in statuses]
    head, calls = [f"{status:>18}" for status in statuses], f"{sum(found.counts.values())} calls"
    lines = zip(["", *methods, calls], [head, *rows, sums], strict=True)
    return "\n".join(" ".join([f"{name:{width}}", *cells]) for name, cells in lines)


def _progress(found: Found) -> None:
    click.echo(f"\r{sum(found.counts.values())} calls, {found.bad} bad", nl=False, err=True)


if __name__ == "__main__":
    main()
