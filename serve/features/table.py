"""A feature table that survives being killed: written in parts, joined at the end.

    OUT.parquet.parts/job.json              what is being computed; a resume must match it
    OUT.parquet.parts/000007.parquet        rows 7 * PART_ROWS ..., there whole or not at all
    OUT.parquet                             the joined table, there whole or not at all

A part is written under another name, flushed to the disk and renamed, so what has its name is complete
however the process ended. Which rows a part holds follows from its number alone: none is lost or doubled.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from serve.errors import JobError
from serve.features.rows import Job, Rows, schema_of
from serve.files import appears_whole

__all__ = ["PART_ROWS", "FeatureTable", "Written"]

PART_ROWS = 4096
SHOWN = 20


@dataclass(frozen=True)
class Written:
    """A finished table: its rows, how many have an error, and the first of these as (path, error)."""

    rows: int
    failed: int
    shown: tuple[tuple[str, str], ...]


class FeatureTable:
    """The table of one job; a context in which this process alone works on it.

    Where the same job has been finished already, all is done and `finish` says what is there.

    Args:
        out: the table's path.
        job: what is computed.
        overwrite: drop what an earlier job left, finished or not.

    Raises:
        JobError: `out` is something else, or an unfinished job there is another or still at work.
    """

    def __init__(self, out: Path, job: Job, *, overwrite: bool = False) -> None:
        self.out, self.job, self.schema = out, job, schema_of(job)
        self.parts = out.with_name(out.name + ".parts")
        self._manifest = self.parts / "job.json"
        self._lock = self._locked()
        try:
            if overwrite:
                self._drop()
            self._finished = self._is_finished()
            self._claim()
        except BaseException:
            if not self._manifest.exists():  # nobody's but ours
                shutil.rmtree(self.parts, ignore_errors=True)
            self._lock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def done(self) -> set[int]:
        """Numbers of the parts that are complete; a damaged one is removed."""
        numbers = range(-(-self.job.count // PART_ROWS))
        if self._finished:
            return set(numbers)
        return {number for number in numbers if _intact(self._part(number), self.rows_of(number))}

    def rows_of(self, number: int) -> int:
        """How many rows a part has."""
        return min(PART_ROWS, self.job.count - number * PART_ROWS)

    def write(self, number: int, rows: Rows) -> None:
        """Write a part, whole or not at all.

        Raises:
            JobError: a row was never filled.
        """
        table, path = rows.table(self.schema), self._part(number)
        with appears_whole(path, path.with_suffix(".tmp")) as partial:
            pq.write_table(table, partial, compression="zstd", use_dictionary=False)

    def finish(self) -> Written:
        """Join the parts into the table, one row group at a time, and remove them."""
        if not self._finished:
            self._join()
        shutil.rmtree(self.parts, ignore_errors=True)
        return _summary(self.out)

    def _join(self) -> None:
        with (
            appears_whole(self.out, self.parts / "joined.tmp") as partial,
            pq.ParquetWriter(partial, self.schema, compression="zstd", use_dictionary=False) as writer,
        ):
            for number in range(-(-self.job.count // PART_ROWS)):
                writer.write_table(pq.read_table(self._part(number), schema=self.schema))

    def _part(self, number: int) -> Path:
        return self.parts / f"{number:06d}.parquet"

    def _locked(self) -> IO[str]:
        """Take the lock; it ends with the process, however it ends."""
        path = self.parts / "lock"
        while True:
            self.parts.mkdir(parents=True, exist_ok=True)
            lock = path.open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                message = f"another process is at work on {self.out}: wait for it, or choose another name"
                raise JobError(message) from None
            if os.fstat(lock.fileno()).st_nlink:
                return lock
            lock.close()  # of a job that was finished, and its folder removed, since it was opened

    def _drop(self) -> None:
        for path in (*self.parts.glob("*.parquet"), self._manifest, self.out):  # parts never without their manifest
            path.unlink(missing_ok=True)

    def _is_finished(self) -> bool:
        if not self.out.exists():
            return False
        try:
            found = pq.read_schema(self.out).metadata or {}
        except (OSError, pa.ArrowException):
            found = {}
        if found.get(b"symae") != self.schema.metadata[b"symae"]:
            raise JobError(f"{self.out} exists already: choose another name, or say --overwrite")
        return True

    def _claim(self) -> None:
        """Say in the manifest what is computed, or compare with what it says."""
        now = dataclasses.asdict(self.job)
        if not self._manifest.exists():
            with appears_whole(self._manifest, self._manifest.with_suffix(".tmp")) as partial:
                partial.write_text(json.dumps(now, indent=1), encoding="utf-8")
            return
        before = json.loads(self._manifest.read_text(encoding="utf-8"))
        if changed := [key for key in now if before.get(key) != now[key]]:
            raise JobError(
                f"an unfinished job for {self.out} differs in {', '.join(changed)}: "
                "run it as it was, or say --overwrite to start anew"
            )


def _intact(path: Path, rows: int) -> bool:
    if not path.exists():
        return False
    try:
        if pq.read_metadata(path).num_rows == rows:
            return True
    except (OSError, pa.ArrowException):
        pass
    path.unlink()
    return False


def _summary(path: Path) -> Written:
    rows, failed, shown = 0, 0, list[tuple[str, str]]()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["path", "error"]):
            bad = batch.filter(pa.compute.is_valid(batch["error"])).to_pylist()
            rows, failed = rows + len(batch), failed + len(bad)
            shown += [(row["path"], row["error"]) for row in bad[: SHOWN - len(shown)]]
    return Written(rows, failed, tuple(shown))
