"""The pages that a comparison leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from symae.runpage.compare import to_html
from symae.runpage.comparison import Comparison
from symae.runpage.facts import Price
from symae.runpage.page import REPORT, write_page, write_text

__all__ = ["write_pages"]

DEFAULT = Path("compare.html")


def write_pages(found: Comparison, out: Path | None, price: Price) -> Iterator[str]:
    """Write the page of a comparison, and those of its runs that are missing; of one run, its own anew.

    Args:
        found: what to write of.
        out: the file; None: compare.html here, or for one run report.html in its directory.
        price: what the reader pays.

    Yields:
        A line of what was written, or why it was not.
    """
    paths = [record.run.path for record in found.records]
    if len(paths) == 1:
        yield f"{write_page(paths[0], out, price)} written"
        return
    yield f"{write_text(to_html(found, price), out or DEFAULT)} written"
    for path in paths:
        if not (path / REPORT).exists():
            try:
                yield f"{write_page(path, price=price)} written"
            except OSError as error:  # somebody else's run; the comparison stands
                yield f"{path / REPORT} was not written: {error.strerror}"
