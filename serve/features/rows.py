"""The rows of one part: filled in any order, then given as Arrow."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from serve.errors import JobError
from serve.features.job import Job

__all__ = ["Rows", "schema_of"]


def schema_of(job: Job) -> pa.Schema:
    """Give a table's columns; its metadata says which job it is of."""
    kind = pa.float16() if job.dtype == "float16" else pa.float32()
    return pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field(job.output, pa.list_(kind, math.prod(job.shape))),
            pa.field("error", pa.string()),
        ],
        metadata={"symae": job.to_json()},
    )


class Rows:
    """The rows of one part, filled in any order."""

    def __init__(self, job: Job, number: int) -> None:
        count = job.rows_of(number)
        self._schema = schema_of(job)
        self._paths: list[str | None] = [None] * count
        self._sizes: list[tuple[int | None, int | None]] = [(None, None)] * count
        self._errors: list[str | None] = [None] * count
        self._values = np.zeros((count, math.prod(job.shape)), job.dtype)

    def put(self, row: int, path: str, width: int, height: int, values: NDArray[np.float32]) -> None:
        """Fill a row; width and height are those of the image as it is on disk, in pixels."""
        with np.errstate(over="ignore"):
            self._values[row] = values.ravel()
        if self._values.dtype == np.float16 and np.isinf(self._values[row]).any():
            self._values[row] = 0
            self.fail(row, path, "a value is beyond what float16 can hold")
            return
        self._paths[row], self._sizes[row] = path, (width, height)

    def fail(self, row: int, path: str, error: str) -> None:
        """Fill a row of an image that could not be read."""
        self._paths[row], self._errors[row] = path, error

    def table(self) -> pa.Table:
        """Give all rows as Arrow.

        Raises:
            JobError: one of them was never filled.
        """
        if empty := self._paths.count(None):
            raise JobError(f"{empty} of {len(self._paths)} rows have no image, so the part is not written")
        missing = pa.array([error is not None for error in self._errors])
        flat = pa.array(self._values.ravel())
        values = pa.FixedSizeListArray.from_arrays(flat, self._values.shape[1], mask=missing)
        widths, heights = zip(*self._sizes, strict=True)
        columns = [
            pa.array(self._paths, pa.string()),
            pa.array(widths, pa.int32()),
            pa.array(heights, pa.int32()),
            values.cast(self._schema.field(3).type),
            pa.array(self._errors, pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)
