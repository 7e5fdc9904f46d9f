"""The rows of a feature table: what is computed, and one part's rows as Arrow."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from serve.errors import JobError

__all__ = ["Job", "Rows", "schema_of"]


@dataclass(frozen=True)
class Job:
    """What is computed, so that a resume continues the same.

    Attributes:
        model, version: of the encoder.
        weights: fingerprint of its file.
        provider: what it runs on; another could change the last bits.
        size: D of the embedding.
        keep_size: whether images are taken at their own sizes.
        files: fingerprint of the list of images.
        shard: the share of them, "i/n".
        count: number of images in this share.
        batch: images in a run; another batch could change the last bit.
    """

    model: str
    version: str
    weights: str
    provider: str
    size: int
    keep_size: bool
    files: str
    shard: str
    count: int
    batch: int


def schema_of(job: Job) -> pa.Schema:
    """Give a table's columns; its metadata says which job it is of."""
    return pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("embedding", pa.list_(pa.float32(), job.size)),
            pa.field("error", pa.string()),
        ],
        metadata={"symae": json.dumps(dataclasses.asdict(job), sort_keys=True)},
    )


class Rows:
    """The rows of one part, filled in any order."""

    def __init__(self, count: int, size: int) -> None:
        self._paths: list[str | None] = [None] * count
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
        """Give all rows as Arrow.

        Raises:
            JobError: one of them was never filled.
        """
        if empty := self._paths.count(None):
            raise JobError(f"{empty} of {len(self._paths)} rows have no image, so the part is not written")
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
