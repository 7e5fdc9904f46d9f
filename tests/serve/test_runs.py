import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from serve import tiling
from serve.batching.batcher import Batcher
from serve.batching.waiting import BatchLimits
from serve.blocks import Block, Fit
from serve.errors import DeadlineError, FaultError, RequestError
from serve.lifecycle.models import Model
from serve.runs import IN_FLIGHT, check_reply, check_sizes, run_block

LIMIT = 256


class Inverting:
    """An auto-encoder of inverted images that runs when it is let, and fails on a pixel of 77."""

    def __init__(self, metadata):
        self.file, self.metadata = SimpleNamespace(name="inverting", version="1"), metadata
        self.shapes, self.free = [], threading.Semaphore(0)

    def run(self, inputs, outputs):
        assert self.free.acquire(timeout=10)
        self.shapes.append(inputs[0].shape)
        if (inputs[0] == 77).any():
            raise FaultError("77")
        return (255 - inputs[0],)


@pytest.fixture
def scenario(toys):
    def run(body, **card):
        """Run `body(model, threads)` on a loop of its own."""

        async def main():
            session = Inverting(toys.metadata("autoencoder", **card))
            batcher = Batcher(session, BatchLimits(32, LIMIT), 1 << 20)
            model = Model(session, batcher, None, LIMIT)
            try:
                with ThreadPoolExecutor(2) as threads:
                    return await asyncio.wait_for(body(model, threads), 20)
            finally:
                session.free.release(1000)
                await batcher.close()

        return asyncio.run(main())

    return run


def block(*shape, value=None):
    rng = np.random.default_rng(0)
    array = rng.integers(100, 256, shape, dtype=np.uint8)
    if value is not None:
        array[-1, -1, -1, -1] = value
    return Block(range(shape[0]), array)


def work(model, images, threads, seconds=30.0):
    return run_block(model, images, ("reconstruction",), time.monotonic() + seconds, threads)


def test_what_fits_runs_once(scenario):
    async def body(model, threads):
        model.session.free.release(1)
        images = block(1, 16, 16, 3)
        done = await work(model, images, threads)
        np.testing.assert_array_equal(done.outputs[0], 255 - images.image)

    scenario(body)


def test_what_does_not_fit_runs_in_tiles_of_one_shape_within_the_limit(scenario):
    async def body(model, threads):
        model.session.free.release(1000)
        images = block(2, 50, 61, 3)
        done = await work(model, images, threads)
        np.testing.assert_array_equal(done.outputs[0], 255 - images.image)
        assert len({shape[1:] for shape in model.session.shapes}) == 1
        assert all(n * h * w <= LIMIT for n, h, w, _ in model.session.shapes)
        assert done.run > 0

    scenario(body, stride=2, halo=1)


def test_a_callers_tiles_wait_a_few_at_a_time_and_not_at_all_once_it_is_gone(scenario):
    async def body(model, threads):
        submitted, submit = [], model.batcher.submit
        model.batcher.submit = lambda *given: (submitted.append(given), submit(*given))[1]
        task = asyncio.create_task(work(model, block(1, 100, 100, 3), threads))
        await asyncio.sleep(0.3)
        assert len(submitted) == IN_FLIGHT
        model.session.free.release(2)
        await asyncio.sleep(0.3)
        assert IN_FLIGHT < len(submitted) <= IN_FLIGHT + 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        count, ran = len(submitted), len(model.session.shapes)
        model.session.free.release(1000)
        await asyncio.sleep(0.3)
        assert len(submitted) == count
        assert len(model.session.shapes) <= ran + 1  # what was running ends

    scenario(body)


def test_a_tile_that_fails_fails_its_image_and_leaves_nothing_in_the_queue(scenario):
    async def body(model, threads):
        model.session.free.release(1000)
        with pytest.raises(FaultError, match="77"):
            await work(model, block(1, 100, 100, 3, value=77), threads)
        images = block(1, 40, 40, 3)
        np.testing.assert_array_equal((await work(model, images, threads)).outputs[0], 255 - images.image)

    scenario(body)


def test_a_deadline_that_the_whole_image_cannot_keep_is_refused_before_the_first_tile(scenario):
    async def body(model, threads):
        tile = tiling.plan(100, 100, model.run_pixels, tiling.Reach.of(model.metadata))[0]
        model.batcher.pace.ran(tile.pixels, 1, 1.0, full=True)
        with pytest.raises(DeadlineError, match="shorter than the work"):
            await work(model, block(1, 100, 100, 3), threads, seconds=5.0)
        assert model.session.shapes == []

    scenario(body)


@pytest.mark.parametrize(("fit", "remedy"), [(Fit(16, 16), "leave out keep_size"), (None, "send it smaller")])
def test_a_classifier_takes_what_runs_at_once_or_has_its_training_size(toys, fit, remedy):
    session = SimpleNamespace(metadata=toys.metadata("classifier", crop=20))
    model = Model(session, None, fit, LIMIT)
    check_sizes(model, [block(9, 20, 20, 3)])
    with pytest.raises(RequestError, match=rf"images\[3\]: .* at most 400 pixels, got 20 x 21: {remedy}"):
        check_sizes(model, [Block([3], np.zeros((1, 20, 21, 3), np.uint8))])
    session.metadata = toys.metadata("segmenter")
    check_sizes(model, [block(1, 200, 210, 3)])


@pytest.mark.parametrize(
    ("kind", "outputs", "bytes_", "field"),
    [
        ("encoder", ("feature_map",), 2 * 3 * 5 * 6 * 4, "feature_maps"),
        ("encoder", ("embedding", "feature_map"), 2 * 3 * 4 + 2 * 3 * 5 * 6 * 4, "feature_maps"),
        ("segmenter", ("probabilities",), 2 * 3 * 10 * 11 * 4, "probabilities"),
        ("segmenter", ("labels", "probabilities"), 2 * 10 * 11 + 2 * 3 * 10 * 11 * 4, "probabilities"),
        ("autoencoder", ("reconstruction",), 2 * 10 * 11 * 3, "images"),
    ],
)
def test_what_no_reply_holds_is_refused_before_it_is_computed(toys, kind, outputs, bytes_, field):
    metadata, blocks = toys.metadata(kind, stride=2), [block(1, 10, 11, 3), block(1, 10, 11, 3)]
    check_reply(metadata, outputs, blocks, bytes_)
    check_reply(metadata, (), blocks, 1)  # what is compressed on its way
    with pytest.raises(RequestError, match=rf"{field}: a reply holds {bytes_ - 1} bytes, this would make {bytes_}:"):
        check_reply(metadata, outputs, blocks, bytes_ - 1)
