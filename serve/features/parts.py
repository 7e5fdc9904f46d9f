"""Parts, computed: bytes -> pixels on several threads -> batches -> rows -> disk, all at the same time.

Memory is bounded by the images read ahead and those that wait for company of their size, whatever the number of
images. A broken image is a row with its error, never the end of the job.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from serve.blocks import Fit
from serve.cpu import usable_cpus
from serve.features.filling import Advance, Filling, Read
from serve.features.items import Item
from serve.features.job import ExtractOptions, Job
from serve.features.listing import read_part
from serve.features.reading import Bytes
from serve.features.rows import Rows
from serve.features.scaled import decode_fitted
from serve.features.table import list_path, write_part
from serve.image import ImageError
from serve.session import Session

__all__ = ["Work", "compute"]

CHUNK = 8  # images that a thread reads at once: handing over costs as much as decoding a very small one


@dataclass(frozen=True)
class Work:
    """What whoever computes needs to know; it can be sent to another process that sees the same files.

    Attributes:
        parts: the folder of parts, with the list of images.
        job: what is computed.
        options: how.
    """

    parts: Path
    job: Job
    options: ExtractOptions


def compute(session: Session, work: Work, numbers: Iterable[int], advance: Advance) -> None:
    """Compute parts and write them; a part is written while the next is computed.

    Args:
        session: the encoder of the job.
        work: what is to be done.
        numbers: of the parts.
        advance: called with each number of images that are done.

    Raises:
        JobError: images were changed after they had been listed.
    """
    options, threads = work.options, work.options.threads or usable_cpus()
    reader = _Reader(session, options, Bytes())
    with (
        ThreadPoolExecutor(threads, thread_name_prefix="read") as readers,
        ThreadPoolExecutor(1, thread_name_prefix="run") as runner,
        ThreadPoolExecutor(1, thread_name_prefix="write") as writer,
    ):
        writing = deque[Future[None]]()
        size = 1 if options.keep_size else CHUNK
        room = _Room(2 * options.batch // size + 2 * threads, 2 * threads, options.batch_pixels)
        reads = _read_ahead(readers, reader, _chunks(work, numbers, size), room)
        for number, group in itertools.groupby(reads, key=lambda read: read.part):
            rows = Rows(work.job, number)
            Filling(session, rows, options, runner, advance).fill(group)
            while writing:
                writing.popleft().result()
            writing.append(writer.submit(write_part, work.parts, number, rows))
        while writing:
            writing.popleft().result()


Chunk = Sequence[tuple[int, int, Item]]  # part, row in it, image


def _chunks(work: Work, numbers: Iterable[int], size: int) -> Iterator[Chunk]:
    for number in numbers:
        items = read_part(list_path(work.parts), number)
        for start in range(0, len(items), size):
            yield [(number, start + index, item) for index, item in enumerate(items[start : start + size])]


@dataclass(frozen=True)
class _Room:
    """How far reading may be ahead of what is asked for.

    Attributes:
        chunks: at most so many.
        unread: of which so many are not read yet; how large these are is not known.
        pixels: and those that are read have no more.
    """

    chunks: int
    unread: int
    pixels: int

    def is_left(self, ahead: Iterable[Future[list[Read]]]) -> bool:
        """Tell whether one more chunk may be read."""
        read = [future.done() for future in ahead]
        if len(read) >= self.chunks or read.count(False) > self.unread:
            return False
        images = (each.sized.image for future in ahead if future.done() for each in future.result() if each.sized)
        return bool(sum(image.shape[0] * image.shape[1] for image in images) <= self.pixels)


def _read_ahead(
    pool: ThreadPoolExecutor, read: Callable[[Chunk], list[Read]], todo: Iterable[Chunk], room: _Room
) -> Iterator[Read]:
    """Read in order, as far ahead as there is room."""
    ahead: deque[Future[list[Read]]] = deque()
    for chunk in todo:
        ahead.append(pool.submit(read, chunk))
        while not room.is_left(ahead):
            yield from ahead.popleft().result()
    while ahead:
        yield from ahead.popleft().result()


class _Reader:
    """Reads images on whatever thread; what is wrong with one becomes part of the result."""

    def __init__(self, session: Session, options: ExtractOptions, read: Callable[[Item], bytes]) -> None:
        self._channels = session.metadata.channels
        self._fit = None if options.keep_size else Fit.of(session.metadata)
        self._max_pixels, self._reduce = options.max_image_pixels, not options.full_decode
        self._read = read

    def __call__(self, chunk: Chunk) -> list[Read]:
        return [self._one(*each) for each in chunk]

    def _one(self, part: int, row: int, item: Item) -> Read:
        try:
            sized = decode_fitted(
                self._read(item),
                channels=self._channels,
                fit=self._fit,
                max_pixels=self._max_pixels,
                reduce=self._reduce,
            )
        except (OSError, MemoryError, ImageError) as error:
            cause = getattr(error, "strerror", None) or str(error).strip() or "out of memory"
            return Read(part, row, item, None, cause.splitlines()[0])
        return Read(part, row, item, sized)
