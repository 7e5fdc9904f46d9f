"""A feature table that survives being killed: computed in parts, joined at the end.

    OUT.parquet.parts/job.json              what is being computed; a resume must match it
    OUT.parquet.parts/list.parquet          the images, a group of rows for each part
    OUT.parquet.parts/000007.parquet        rows 7 * part_rows ..., there whole or not at all
    OUT.parquet                             the joined table, there whole or not at all; see `serve.features.outputs`

A part is written under another name, flushed to the disk and renamed, so what has its name is complete
however the process ended. Which rows a part holds follows from its number alone: none is lost or doubled.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from serve.errors import JobError
from serve.features.items import Item
from serve.features.job import Job
from serve.features.listing import Listed, write_list
from serve.features.outputs import Written, join, left_by, summary, table_path
from serve.features.rows import Rows
from serve.files import appears_whole

__all__ = ["FeatureTable", "list_path", "write_part"]


class FeatureTable:
    """The table of one job; a context in which this process alone works on it.

    First `list` the images, then `claim` the place for a job; the rest may be called after that. Where the same job
    has been finished already, all is done and `finish` says what is there.

    Args:
        out: the table's path, or that of an array.

    Raises:
        JobError: another process is at work there.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.parts = out, out.with_name(out.name + ".parts")
        self._manifest = self.parts / "job.json"
        self._lock = self._locked()
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ours = os.fstat(self._lock.fileno()).st_nlink  # a finished job's folder is gone, and may be another's by now
        if ours and not self._manifest.exists():
            shutil.rmtree(self.parts, ignore_errors=True)
        self._lock.close()

    def list(self, items: Iterable[Item], part_rows: int) -> Listed:
        """Write the list of images down; it counts from `claim` on."""
        return write_list(self._new_list(), items, part_rows)

    def claim(self, job: Job, *, overwrite: bool = False) -> None:
        """Begin a job, or go on with it.

        Args:
            job: what is computed.
            overwrite: drop what an earlier job left, finished or not.

        Raises:
            JobError: there is something else, or an unfinished job that is another.
        """
        self.job = job
        try:
            if overwrite:
                self._drop()
            self._finished = self._is_finished()
            self._compare()
            self._new_list().replace(list_path(self.parts))
        finally:
            self._new_list().unlink(missing_ok=True)

    def done(self) -> set[int]:
        """Numbers of the parts that are complete; a damaged one is removed."""
        numbers = range(self.job.parts)
        if self._finished:
            return set(numbers)
        return {number for number in numbers if _intact(_part(self.parts, number), self.job.rows_of(number))}

    def finish(self) -> Written:
        """Join the parts into the table and remove them."""
        if not self._finished:
            parts = (_part(self.parts, number) for number in range(self.job.parts))
            join(self.out, self.job, parts, self.parts)
        shutil.rmtree(self.parts, ignore_errors=True)
        return summary(self.out)

    def _new_list(self) -> Path:
        return self.parts / "list.tmp"

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
        listed = list_path(self.parts)
        parts = (path for path in self.parts.glob("*.parquet") if path != listed)
        for path in (*parts, self._manifest, *left_by(self.out)):  # parts never without their manifest
            path.unlink(missing_ok=True)

    def _is_finished(self) -> bool:
        table = table_path(self.out)
        if not table.exists():
            if self.out.exists() and not self._manifest.exists():  # an array without a table
                raise self._taken(self.out)
            return False
        try:
            found = pq.read_schema(table).metadata or {}
        except (OSError, pa.ArrowException):
            found = {}
        if found.get(b"symae") != self.job.to_json().encode():
            raise self._taken(table)
        if not self.out.exists():
            raise JobError(f"{self.out} is gone, and {table} beside it is not: put it back, or say --overwrite")
        return True

    def _taken(self, path: Path) -> JobError:
        return JobError(f"{path} exists already: choose another name, or say --overwrite")

    def _compare(self) -> None:
        """Say in the manifest what is computed, or compare with what it says."""
        if not self._manifest.exists():
            with appears_whole(self._manifest, self._manifest.with_suffix(".tmp")) as partial:
                partial.write_text(self.job.to_json(), encoding="utf-8")
            return
        if changed := self.job.differences(json.loads(self._manifest.read_text(encoding="utf-8"))):
            raise JobError(
                f"an unfinished job for {self.out} differs in {', '.join(changed)}: "
                "run it as it was, or say --overwrite to start anew"
            )


def list_path(parts: Path) -> Path:
    """Name the list of images in the folder of parts."""
    return parts / "list.parquet"


def write_part(parts: Path, number: int, rows: Rows) -> None:
    """Write a part, whole or not at all; who else writes it writes the same.

    Raises:
        JobError: a row was never filled.
    """
    table, path = rows.table(), _part(parts, number)
    with appears_whole(path, path.with_suffix(f".{uuid.uuid4().hex}.tmp")) as partial:
        pq.write_table(table, partial, compression="zstd", use_dictionary=False)


def _part(parts: Path, number: int) -> Path:
    return parts / f"{number:06d}.parquet"


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
