"""Features of many images: list -> read and decode ahead -> batches of one size -> rows -> parts -> one table.

The model runs on the calling thread while the next images are read on others. Memory is bounded by the
images read ahead and those that wait for company of their size, whatever the number of images. A broken
image is a row with its error, never the end of the job.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serve import image as pixels
from serve import tiling
from serve.blocks import Fit
from serve.cpu import usable_cpus
from serve.errors import FaultError, JobError
from serve.features.items import Item, Shard, Survey, list_items
from serve.features.rows import Job, Rows
from serve.features.table import PART_ROWS, FeatureTable, Written
from serve.session import Session

__all__ = ["ExtractOptions", "extract"]

Advance = Callable[[int], None]
Progress = Callable[[int, int], Advance]
WHOLE = Shard()
CHANGED = "the images were changed while they were read: leave them alone and run it again with --overwrite"


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
    """

    shard: Shard = WHOLE
    batch: int = 32
    batch_pixels: int = 1 << 22
    keep_size: bool = False
    max_image_pixels: int = 1 << 25
    threads: int = 0
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """An image as read: pixels as the model takes them, or why there are none."""

    row: int
    item: Item
    width: int
    height: int
    image: NDArray[np.uint8] | None
    error: str


def extract(
    session: Session, sources: Sequence[Path], out: Path, options: ExtractOptions, progress: Progress
) -> Written:
    """Write the embeddings of all images to one Parquet file.

    The same call again after an interruption, a kill -9 included, continues, and after the end says what
    is there. The list of images, their sizes in bytes, the model, its provider and the batch must be the
    same; where nothing else was changed either (a file for another of its size, the threads or the
    machine, which can change last bits) the table is the same as without the interruption. Columns:
    path, width, height, embedding (fixed-size list of float32), error (null where the image was read).

    Args:
        session: an encoder.
        sources: folders, image files and .tar shards.
        out: the table; beside it stands a folder of parts until it is done.
        options: how.
        progress: called once with (images done by an earlier run, images in all); gives what is called
            with each number of images that are done.

    Raises:
        JobError: no such source, no image, `out` is another job's, an unfinished job there is another, or
            the images changed meanwhile.
    """
    if session.metadata.kind != "encoder":
        raise JobError(f"{session.file.name} is of kind {session.metadata.kind}: features need an encoder")
    before = Survey(PART_ROWS).all_of(options.shard.of(list_items(sources)))
    if not before.count:
        raise JobError(f"no image in {', '.join(map(str, sources))} for shard {options.shard}")
    job = _job(session, options, before)
    with FeatureTable(out, job, overwrite=options.overwrite) as table:
        done = table.done()
        advance = progress(sum(table.rows_of(number) for number in done), before.count)
        now = Survey(PART_ROWS)
        listed = enumerate(now.of(options.shard.of(list_items(sources))))
        todo = ((row, item) for row, item in listed if row // PART_ROWS not in done)
        fit = None if options.keep_size else Fit.of(session.metadata)
        threads = options.threads or usable_cpus()
        with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
            reader = _Reader(session.metadata.channels, fit, options.max_image_pixels)
            reads = _read_ahead(pool, reader, _at_most(before.count, todo), options.batch + 2 * threads)
            for number, group in itertools.groupby(reads, key=lambda read: read.row // PART_ROWS):
                rows = Rows(table.rows_of(number), job.size)
                _Filling(session, rows, options, advance).fill(group)
                if now.marks[: number + 1] != before.marks[: number + 1]:
                    raise JobError(CHANGED)
                table.write(number, rows)
        if now.marks != before.marks:
            raise JobError(CHANGED)
        return table.finish()


def _at_most(count: int, todo: Iterable[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
    """Let rows pass that the table has."""
    for row, item in todo:
        if row >= count:
            raise JobError(CHANGED)
        yield row, item


def _job(session: Session, options: ExtractOptions, images: Survey) -> Job:
    with session.file.path.open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return Job(
        model=session.file.name,
        version=session.file.version,
        weights=weights,
        provider=session.provider,
        size=session.metadata.embedding_size,
        keep_size=options.keep_size,
        files=images.marks[-1],
        shard=str(options.shard),
        count=images.count,
        batch=options.batch,
    )


@dataclass(frozen=True)
class _Reader:
    """Reads one image on whatever thread; what is wrong with it becomes part of the result."""

    channels: int
    fit: Fit | None
    max_pixels: int

    def __call__(self, row: int, item: Item) -> _Read:
        try:
            image = pixels.decode(item.read(), channels=self.channels, max_pixels=self.max_pixels)
            fitted = self.fit(image) if self.fit else image
        except (OSError, MemoryError, pixels.ImageError) as error:
            return _Read(row, item, 0, 0, None, getattr(error, "strerror", None) or str(error) or "out of memory")
        return _Read(row, item, image.shape[1], image.shape[0], fitted, "")


def _read_ahead(
    pool: ThreadPoolExecutor, read: _Reader, todo: Iterable[tuple[int, Item]], window: int
) -> Iterator[_Read]:
    """Read in order, always `window` images ahead of what is asked for."""
    ahead: deque[Future[_Read]] = deque()
    for row, item in todo:
        ahead.append(pool.submit(read, row, item))
        if len(ahead) >= window:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


class _Filling:
    """Fills the rows of one part: images of one size wait for each other until a batch is full."""

    def __init__(self, session: Session, rows: Rows, options: ExtractOptions, advance: Advance) -> None:
        self._session, self._rows, self._advance = session, rows, advance
        self._batch, self._pixels = options.batch, options.batch_pixels
        self._waiting: dict[tuple[int, ...], list[_Read]] = {}
        self._held = 0

    def fill(self, reads: Iterable[_Read]) -> None:
        for read in reads:
            if read.image is None:
                self._fail(read, read.error)
                continue
            self._waiting.setdefault(read.image.shape, []).append(read)
            self._held += _area(read.image.shape)
            if len(self._waiting[read.image.shape]) >= self._room(read.image.shape):
                self._flush(read.image.shape)
            while self._held > self._pixels:
                self._flush(max(self._waiting, key=lambda shape: len(self._waiting[shape]) * _area(shape)))
        for shape in list(self._waiting):
            self._flush(shape)

    def _room(self, shape: tuple[int, ...]) -> int:
        return max(1, min(self._batch, self._pixels // _area(shape)))

    def _flush(self, shape: tuple[int, ...]) -> None:
        reads = self._waiting.pop(shape)
        self._held -= len(reads) * _area(shape)
        self._run(reads)

    def _run(self, reads: Sequence[_Read]) -> None:
        images = np.stack([read.image for read in reads if read.image is not None])
        try:
            embeddings = self._embed(images)
        except FaultError as fault:
            self._retry(reads, fault)
            return
        for read, embedding in zip(reads, embeddings, strict=True):
            self._rows.put(read.row % PART_ROWS, read.item.name, read.width, read.height, embedding)
        self._advance(len(reads))

    def _embed(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run images of one size; larger than one run may be, in tiles."""
        metadata, (count, height, width) = self._session.metadata, images.shape[:3]
        tiles = tiling.plan(height, width, self._pixels, tiling.Reach.of(metadata))
        if len(tiles) == 1:
            return self._session.run((images,), (tiling.VECTOR,))[0]
        canvas = tiling.Canvas(tiles, count, (tiling.VECTOR,), metadata.stride)
        for index in range(count):
            for number, tile in enumerate(tiles):
                canvas.put(index, number, self._session.run(tiling.cut((images,), index, tile), canvas.asked))
        return canvas.finished()[0]

    def _retry(self, reads: Sequence[_Read], fault: FaultError) -> None:
        if len(reads) == 1:
            self._fail(reads[0], str(fault).splitlines()[0])
            return
        for read in reads:
            self._run([read])

    def _fail(self, read: _Read, error: str) -> None:
        self._rows.fail(read.row % PART_ROWS, read.item.name, error)
        self._advance(1)


def _area(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1]
