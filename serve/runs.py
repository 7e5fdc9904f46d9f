"""From a block of images to runs of a model: as it is, or in tiles where its images are larger than one run may be."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve import tiling
from serve.batching.batcher import Done
from serve.blocks import Block
from serve.catalogue import Served
from serve.errors import RequestError, Violation
from serve.metadata import ModelMetadata
from serve.tensors import outputs_of

__all__ = ["FIELDS", "IN_FLIGHT", "all_of", "check_reply", "check_sizes", "run_block"]

IN_FLIGHT = 4  # tiles of one block that wait or run: enough to cut the next while one runs, too few to fill the memory
FIELDS = {"feature_map": "feature_maps", "probabilities": "probabilities"}  # output -> what asks for it

Array = NDArray[Any]


def check_sizes(model: Served, blocks: Sequence[Block]) -> None:
    """Refuse what can neither run at once nor be cut.

    Raises:
        RequestError: an image is larger than one run, and the model pools over whole images inside its graph.
    """
    if model.metadata.kind != "classifier":
        return
    most = max(model.run_pixels, model.metadata.crop**2)
    for block in blocks:
        height, width = block.image.shape[1:3]
        if height * width > most:
            remedy = "leave out keep_size, or send it smaller" if model.fit else "send it smaller"
            rule = f"a classifier looks at whole images of at most {most} pixels, got {height} x {width}: {remedy}"
            raise RequestError(Violation(f"images[{block.where[0]}]", rule))


def check_reply(metadata: ModelMetadata, outputs: Sequence[str], blocks: Sequence[Block], most: int) -> None:
    """Refuse what would never fit into a reply, before any of it is computed.

    Args:
        metadata: of the model.
        outputs: names of what the reply holds as it is.
        blocks: the images of the request.
        most: bytes of a reply.

    Raises:
        RequestError: it would not; of the field whose part is the largest.
    """
    sizes = {
        output.name: sum(output.nbytes(*block.image.shape[:3]) for block in blocks)
        for output in outputs_of(metadata)
        if output.name in outputs
    }
    if (size := sum(sizes.values())) > most:
        largest = max(sizes, key=lambda name: sizes[name])
        rule = f"a reply holds {most} bytes, this would make {size}: ask without them, or for fewer or smaller images"
        raise RequestError(Violation(FIELDS.get(largest, "images"), rule))


async def run_block(model: Served, block: Block, outputs: tuple[str, ...], expires: float, threads: Executor) -> Done:
    """Run a model on a block of images of one size, whatever the size.

    Args:
        model: what runs.
        block: the images.
        outputs: names of the outputs to compute.
        expires: `time.monotonic()` after which nobody needs the answer.
        threads: where tiles are cut and joined.

    Raises:
        DeadlineError, FaultError, UnavailableError: as `Batcher.submit`.
    """
    height, width = block.image.shape[1:3]
    inputs = _inputs(model, block)
    tiles = tiling.plan(height, width, model.run_pixels, tiling.Reach.of(model.metadata))
    if len(tiles) == 1 or model.metadata.kind == "classifier":
        return await model.batcher.submit(inputs, outputs, expires)
    model.batcher.refuse_late(len(block.image) * len(tiles), tiles[0].pixels, expires)
    canvas = tiling.Canvas(tiles, len(block.image), outputs, model.metadata.stride)
    todo = ((index, number, tile) for index in range(len(block.image)) for number, tile in enumerate(tiles))
    works = [_in_tiles(model, inputs, todo, canvas, expires, threads) for _ in range(IN_FLIGHT)]
    spent = [done for part in await all_of(works) for done in part]
    queue, run = max(done.queue for done in spent), sum(done.run for done in spent)
    return Done(canvas.finished(), queue, run)


async def all_of(works: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Wait for all; the first failure takes the others out of the queue and is the answer."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _in_tiles(
    model: Served,
    inputs: tuple[Array, ...],
    todo: Iterator[tuple[int, int, tiling.Tile]],
    canvas: tiling.Canvas,
    expires: float,
    threads: Executor,
) -> list[Done]:
    """Run tiles one after another, out of a list that others take from, too."""
    loop, spent = asyncio.get_running_loop(), list[Done]()
    for index, number, tile in todo:
        window = await loop.run_in_executor(threads, tiling.cut, inputs, index, tile)
        done = await model.batcher.submit(window, canvas.asked, expires)
        await loop.run_in_executor(threads, canvas.put, index, number, done.outputs)
        spent.append(Done((), done.queue, done.run))
    return spent


def _inputs(model: Served, block: Block) -> tuple[Array, ...]:
    if model.metadata.kind != "autoencoder":
        return (block.image,)
    return (block.image, np.zeros(block.image.shape[:3], np.uint8) if block.mask is None else block.mask)
