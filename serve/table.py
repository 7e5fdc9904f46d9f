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

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from serve.errors import JobError

__all__ = ["PART_ROWS", "FeatureTable", "Job", "Rows", "Written"]

PART_ROWS = 4096
SHOWN = 20


@dataclass(frozen=True)
class Job:
    """What is computed, so that a resume continues the same.

    Attributes:
        model, version: of the encoder.
        weights: fingerprint of its file.
        size: D of the embedding.
        keep_size: whether images are taken at their own sizes.
        files: fingerprint of the list of images.
        shard: which share of them, "i/n".
        count: number of images in this share.
        batch: images in a run; another batch could change the last bit.
    """

    model: str
    version: str
    weights: str
    size: int
    keep_size: bool
    files: str
    shard: str
    count: int
    batch: int


@dataclass(frozen=True)
class Written:
    """A finished table: its rows, how many have an error, and the first of these as (path, error)."""

    rows: int
    failed: int
    shown: tuple[tuple[str, str], ...]


class Rows:
    """The rows of one part, filled in any order."""

    def __init__(self, count: int, size: int) -> None:
        self._paths = [""] * count
        self._sizes: list[tuple[int | None, int | None]] = [(None, None)] * count
        self._errors: list[str | None] = [None] * count
        self._embeddings = np.zeros((count, size), np.float32)

    def put(self, row: int, path: str, width: int, height: int, embedding: NDArray[np.float32]) -> None:
        """Fill a row; width and height are those of the image as it is on disk, in pixels."""
        self._paths[row], self._sizes[row], self._embeddings[row] = path, (width, height), embedding

    def fail(self, row: int, path: str, error: str) -> None:
        """Fill a row of an image that could not be read."""
        self._paths[row], self._errors[row] = path, error

    def table(self, schema: pa.Schema) -> pa.Table:
        """Give all rows as Arrow."""
        missing = np.array([error is not None for error in self._errors])
        size = self._embeddings.shape[1]
        embeddings = pa.FixedSizeListArray.from_arrays(pa.array(self._embeddings.ravel()), size, mask=pa.array(missing))
        widths, heights = zip(*self._sizes, strict=True)
        columns = [
            pa.array(self._paths, pa.string()),
            pa.array(widths, pa.int32()),
            pa.array(heights, pa.int32()),
            embeddings.cast(schema.field("embedding").type),
            pa.array(self._errors, pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=schema)


class FeatureTable:
    """The table of one job; a context in which this process alone works on it.

    Args:
        out: the table's path.
        job: what is computed.
        overwrite: drop what an earlier job left, finished or not.

    Raises:
        JobError: `out` exists, or an unfinished job there is another or still at work.
    """

    def __init__(self, out: Path, job: Job, *, overwrite: bool = False) -> None:
        self.out, self.job = out, job
        self.parts = out.with_name(out.name + ".parts")
        if overwrite:
            out.unlink(missing_ok=True)
        if out.exists():
            raise JobError(f"{out} exists already: choose another name, or say --overwrite")
        self._lock = self._open(overwrite)
        self.schema = pa.schema(
            [
                pa.field("path", pa.string(), nullable=False),
                pa.field("width", pa.int32()),
                pa.field("height", pa.int32()),
                pa.field("embedding", pa.list_(pa.float32(), job.size)),
                pa.field("error", pa.string()),
            ],
            metadata={"symae": json.dumps(dataclasses.asdict(job), sort_keys=True)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def done(self) -> set[int]:
        """Numbers of the parts that are complete; a damaged one is removed."""
        complete = set()
        for number in range(-(-self.job.count // PART_ROWS)):
            path = self._part(number)
            if path.exists() and _intact(path, self.rows_of(number)):
                complete.add(number)
        return complete

    def rows_of(self, number: int) -> int:
        """How many rows a part has."""
        return min(PART_ROWS, self.job.count - number * PART_ROWS)

    def write(self, number: int, rows: Rows) -> None:
        """Write a part, whole or not at all."""
        temporary = self._part(number).with_suffix(".tmp")
        pq.write_table(rows.table(self.schema), temporary, compression="zstd", use_dictionary=False)
        _publish(temporary, self._part(number))

    def finish(self) -> Written:
        """Join the parts into the table, one row group at a time, and remove them."""
        rows, failed, shown = 0, 0, list[tuple[str, str]]()
        temporary = self.parts / "joined.tmp"
        with pq.ParquetWriter(temporary, self.schema, compression="zstd", use_dictionary=False) as writer:
            for number in range(-(-self.job.count // PART_ROWS)):
                table = pq.read_table(self._part(number), schema=self.schema)
                writer.write_table(table)
                bad = table.filter(pa.compute.is_valid(table["error"])).select(["path", "error"]).to_pylist()
                rows, failed = rows + len(table), failed + len(bad)
                shown += [(row["path"], row["error"]) for row in bad[: SHOWN - len(shown)]]
        _publish(temporary, self.out)
        shutil.rmtree(self.parts)
        return Written(rows, failed, tuple(shown))

    def _part(self, number: int) -> Path:
        return self.parts / f"{number:06d}.parquet"

    def _open(self, overwrite: bool) -> IO[str]:
        self.parts.mkdir(parents=True, exist_ok=True)
        manifest = self.parts / "job.json"
        lock = (self.parts / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however it ends
            if overwrite:
                for path in (manifest, *self.parts.glob("*.parquet")):
                    path.unlink(missing_ok=True)
            if manifest.exists():
                self._compare(json.loads(manifest.read_text(encoding="utf-8")))
            else:
                temporary = manifest.with_suffix(".tmp")
                temporary.write_text(json.dumps(dataclasses.asdict(self.job), indent=1), encoding="utf-8")
                _publish(temporary, manifest)
        except BlockingIOError:
            lock.close()
            raise JobError(f"another process is at work on {self.out}: wait for it, or choose another name") from None
        except JobError:
            lock.close()
            raise
        return lock

    def _compare(self, before: dict[str, object]) -> None:
        now = dataclasses.asdict(self.job)
        changed = [key for key in now if before.get(key) != now[key]]
        if changed:
            raise JobError(
                f"an unfinished job for {self.out} differs in {', '.join(changed)}: "
                "run it as it was, or say --overwrite to start anew"
            )


def _intact(path: Path, rows: int) -> bool:
    try:
        if pq.read_metadata(path).num_rows == rows:
            return True
    except (OSError, pa.ArrowException):
        pass
    path.unlink()
    return False


def _publish(temporary: Path, path: Path) -> None:
    """Rename once the bytes are on the disk."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
