"""Features of many images: sources -> list on disk -> parts, computed here or on a cluster -> one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from serve.errors import JobError
from serve.features.filling import Advance
from serve.features.job import ExtractOptions, Facts, job_of, part_rows
from serve.features.outputs import Written
from serve.features.parts import Work
from serve.features.sources import list_items
from serve.features.table import FeatureTable

__all__ = ["Engine", "ExtractOptions", "extract"]

Progress = Callable[[int, int], Advance]


class Engine(Protocol):
    """Who computes: `serve.features.local.Local` or `serve.features.cluster.Cluster`."""

    def facts(self, options: ExtractOptions) -> Facts:
        """Look at the model."""

    def compute(self, work: Work, numbers: Sequence[int], advance: Advance) -> None:
        """Compute and write parts."""


def extract(
    engine: Engine, sources: Sequence[Path | str], out: Path, options: ExtractOptions, progress: Progress
) -> Written:
    """Write the features of all images to one table, or to an array with a table beside it.

    The same call again after an interruption, a kill -9 included, continues, with whatever engine, and after the end
    says what is there. The list of images, their sizes in bytes, the model, its provider and all options but the
    threads must be the same; where nothing else was changed either (a file for another of its size, or the machine,
    which can change last bits) the table is the same as without the interruption. Columns: path, width, height,
    embedding or feature_map (fixed-size list, row-major (D, h, w)), error (null where the image was read).

    Args:
        engine: who computes.
        sources: see `serve.features.sources`.
        out: the table, or an array if it ends with .npy; beside it stands a folder of parts until it is done.
        options: how.
        progress: called once with (images done by an earlier run, images in all); gives what is called
            with each number of images that are done.

    Raises:
        JobError: no such source, no image, `out` is another job's, an unfinished job there is another, or
            the images changed meanwhile.
    """
    facts = engine.facts(options)
    with FeatureTable(out.absolute()) as table:
        listed = table.list(options.shard.of(list_items(sources)), part_rows(facts, options))
        if not listed.count:
            share = f" for shard {options.shard}" if options.shard.count > 1 else ""
            raise JobError(f"no image in {', '.join(map(str, sources))}{share}: expected .jpg, .png or the like")
        job = job_of(facts, options, listed.count, listed.digest)
        table.claim(job, overwrite=options.overwrite)
        done = table.done()
        advance = progress(sum(map(job.rows_of, done)), job.count)
        todo = [number for number in range(job.parts) if number not in done]
        engine.compute(Work(table.parts, job, options), todo, advance)
        return table.finish()
