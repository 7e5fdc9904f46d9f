"""From parts to what a job leaves behind, each there whole or not at all.

    features.parquet                all columns
    features.npy                    or: the values as one array (N, ...), to be mapped into memory; NaN for bad images
    features.npy.parquet            and the other columns, row by row
    features.parquet.errors.txt     path, tab, cause of each image without values; not there if all went well
    features.parquet.manifest.json  which job it was, what it wrote, with which versions

The table appears last: who finds it, finds all.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from serve.features.job import Job
from serve.features.rows import schema_of
from serve.files import appears_whole

__all__ = ["Written", "join", "left_by", "summary", "table_path"]

SHOWN = 20
VERSIONS = ("symae", "onnxruntime", "onnxruntime-gpu", "pillow", "numpy", "pyarrow")


@dataclass(frozen=True)
class Written:
    """A finished table: its rows, how many have an error, and the first of these as (path, error)."""

    rows: int
    failed: int
    shown: tuple[tuple[str, str], ...]


def table_path(out: Path) -> Path:
    """Name the table of a job: `out` itself, or what stands beside an array."""
    return out.with_name(out.name + ".parquet") if _is_array(out) else out


def left_by(out: Path) -> tuple[Path, ...]:
    """Name all that a job leaves, the table last."""
    beside = (out.with_name(out.name + suffix) for suffix in (".manifest.json", ".errors.txt"))
    return (*beside, *dict.fromkeys((out, table_path(out))))


def join(out: Path, job: Job, parts: Iterable[Path], scratch: Path) -> None:
    """Join the parts, one at a time.

    Args:
        out: what is wanted: a .npy, or a table.
        job: what the parts are of.
        parts: their paths, in order.
        scratch: a folder on the same disk.
    """
    schema = schema_of(job)
    manifest, errors, *_ = left_by(out)
    kept = schema.remove(3) if _is_array(out) else schema
    with appears_whole(table_path(out), scratch / "joined.tmp") as table:
        with (
            _array(out, job, scratch) as array,
            appears_whole(errors, scratch / "errors.tmp") as list_of_bad,
            list_of_bad.open("w", encoding="utf-8") as bad,
            pq.ParquetWriter(table, kept, compression="zstd", use_dictionary=False) as writer,
        ):
            failed = 0
            for path in parts:
                part = _read(path, schema)
                failed += _write_errors(bad, part)
                if array is not None:
                    _values(part[job.output], job).tofile(array)
                    part = part.drop_columns([job.output])
                writer.write_table(part)
        if not failed:
            errors.unlink()
        with appears_whole(manifest, scratch / "manifest.tmp") as partial:
            partial.write_text(json.dumps(_manifest(job, failed), indent=1) + "\n", encoding="utf-8")


def summary(out: Path) -> Written:
    """Read what a finished table says of errors."""
    rows, failed, shown = 0, 0, list[tuple[str, str]]()
    with pq.ParquetFile(table_path(out)) as file:
        for group in range(file.num_row_groups):
            part = file.read_row_group(group, columns=["path", "error"], use_threads=False)
            bad = part.filter(pa.compute.is_valid(part["error"])).to_pylist()
            rows, failed = rows + len(part), failed + len(bad)
            shown += [(row["path"], row["error"]) for row in bad[: SHOWN - len(shown)]]
    return Written(rows, failed, tuple(shown))


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a part by this thread alone: a pool of threads would keep memory of its own."""
    with pq.ParquetFile(path) as file:
        return file.read(use_threads=False).cast(schema)


@contextmanager
def _array(out: Path, job: Job, scratch: Path) -> Iterator[IO[bytes] | None]:
    """Open the array that is wanted, if one is, with its header written."""
    if not _is_array(out):
        yield None
        return
    header = {"descr": np.dtype(job.dtype).str, "fortran_order": False, "shape": (job.count, *job.shape)}
    with appears_whole(out, scratch / "array.tmp") as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def _values(column: pa.ChunkedArray, job: Job) -> Any:
    lists = column.combine_chunks()
    values = lists.values.to_numpy(zero_copy_only=False).reshape(len(lists), -1).astype(job.dtype)
    values[lists.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return values


def _write_errors(file: IO[str], part: pa.Table) -> int:
    bad = part.select(["path", "error"]).filter(pa.compute.is_valid(part["error"])).to_pylist()
    file.writelines(f"{row['path']}\t{row['error']}\n" for row in bad)
    return len(bad)


def _manifest(job: Job, failed: int) -> dict[str, Any]:
    have = {name: version for name in VERSIONS if (version := _version(name))}
    versions = {"python": platform.python_version(), **have}
    return {"job": dataclasses.asdict(job), "rows": job.count, "failed": failed, "versions": versions}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _is_array(out: Path) -> bool:
    return out.suffix.lower() == ".npy"
