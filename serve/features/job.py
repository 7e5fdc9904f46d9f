"""What a job computes: what is asked for, what the model gives, and what must be the same when it is resumed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from serve.errors import JobError
from serve.features.items import Shard
from serve.session import Session

__all__ = ["DTypes", "ExtractOptions", "Facts", "Job", "Output", "facts_of", "job_of", "part_rows"]

Output = Literal["embedding", "feature_map"]
DTypes = Literal["float32", "float16"]
PART_ROWS = 4096
PART_BYTES = 1 << 26  # of one part's values: feature maps are large, so there are fewer of them in a part
WHOLE = Shard()


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract.

    Attributes:
        shard: which share of the images.
        batch: images in one run, >= 1.
        batch_pixels: most pixels in one run, and most that wait for others of their size; a larger image is cut
            into tiles.
        keep_size: take images at their own sizes instead of the one that the model was trained on.
        max_image_pixels: a larger image is a row with an error.
        threads: that read and decode; 0: as many as this process may use.
        overwrite: drop what an earlier job left at the same place.
        output: what of the encoder is kept.
        dtype: what it is kept as.
        full_decode: decode every JPEG at full scale; see `serve.features.scaled`.
    """

    shard: Shard = WHOLE
    batch: int = 32
    batch_pixels: int = 1 << 22
    keep_size: bool = False
    max_image_pixels: int = 1 << 25
    threads: int = 0
    overwrite: bool = False
    output: Output = "embedding"
    dtype: DTypes = "float32"
    full_decode: bool = False

    def __post_init__(self) -> None:
        for value, known in ((self.output, get_args(Output)), (self.dtype, get_args(DTypes))):
            if value not in known:
                raise JobError(f"expected one of {', '.join(known)}, got {value!r}")


@dataclass(frozen=True)
class Facts:
    """What whoever computes says of the model: which it is, what it runs on, and the shape of a row."""

    model: str
    version: str
    weights: str
    provider: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    """What is computed, so that a resume continues the same.

    Attributes:
        model, version: of the encoder.
        weights: fingerprint of its file.
        provider: what it runs on; another could change the last bits.
        output: "embedding", (D,), or "feature_map", (D, h, w).
        shape: of a row's values.
        dtype: of a row's values.
        keep_size: whether images are taken at their own sizes.
        full_decode: whether JPEGs are decoded at full scale only.
        files: fingerprint of the list of images.
        shard: the share of them, "i/n".
        count: number of images in this share.
        batch: images in a run; another batch could change the last bit.
        part_rows: rows of a part; batches do not reach beyond a part, so this could, too.
    """

    model: str
    version: str
    weights: str
    provider: str
    output: str
    shape: tuple[int, ...]
    dtype: str
    keep_size: bool
    full_decode: bool
    files: str
    shard: str
    count: int
    batch: int
    part_rows: int

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.count // self.part_rows)

    def rows_of(self, number: int) -> int:
        """How many rows a part has."""
        return min(self.part_rows, self.count - number * self.part_rows)

    def to_json(self) -> str:
        """Write it, keys sorted, on one line."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    def differences(self, document: dict[str, Any]) -> list[str]:
        """Name what differs from a job that was written as JSON."""
        now = json.loads(self.to_json())
        return [field.name for field in dataclasses.fields(self) if document.get(field.name) != now[field.name]]


def facts_of(session: Session, options: ExtractOptions) -> Facts:
    """Look at a model; for the shape of a feature map it is run once.

    Raises:
        JobError: it is no encoder, or its maps would have many shapes.
    """
    file, metadata = session.file, session.metadata
    if metadata.kind != "encoder":
        raise JobError(f"{file.name} is of kind {metadata.kind}: features need an encoder")
    shape: tuple[int, ...] = (metadata.embedding_size,)
    if options.output == "feature_map":
        if options.keep_size or metadata.resize is None:
            why = "--keep-size was given" if options.keep_size else f"{file.name} takes images at their own sizes"
            raise JobError(f"feature maps of one table have one shape, so images must be fitted to one size, but {why}")
        side = min(metadata.crop, metadata.resize)
        black = np.zeros((1, side, side, metadata.channels), np.uint8)
        shape = session.run((black,), (options.output,))[0].shape[1:]
    with file.path.open("rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()
    return Facts(file.name, file.version, digest, session.provider, shape)


def part_rows(facts: Facts, options: ExtractOptions) -> int:
    """Choose how many rows a part has: a power of two, so that full batches fit."""
    row = math.prod(facts.shape) * np.dtype(options.dtype).itemsize
    return min(PART_ROWS, 1 << max(0, (PART_BYTES // row).bit_length() - 1))


def job_of(facts: Facts, options: ExtractOptions, count: int, files: str) -> Job:
    """Put together what a resume must have in common."""
    return Job(
        **dataclasses.asdict(facts),
        output=options.output,
        dtype=options.dtype,
        keep_size=options.keep_size,
        full_decode=options.full_decode,
        files=files,
        shard=str(options.shard),
        count=count,
        batch=options.batch,
        part_rows=part_rows(facts, options),
    )
