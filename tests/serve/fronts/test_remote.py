"""Models as a front sees them, through real sockets and shared memory."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serve import errors
from serve.blocks import Block
from serve.runs import run_block

NAMES = ("reconstruction",)


def pixels(*shape, low=100):
    return np.random.default_rng(sum(shape)).integers(low, 256, (*shape, 3), dtype=np.uint8)


def later(seconds=10.0):
    return time.monotonic() + seconds


def submit(front, image, expires=None):
    model = front.pick("autoencoder", "")
    mask = np.zeros(image.shape[:3], np.uint8)
    return model.batcher.submit((image, mask), NAMES, expires or later())


def queued(house, owner=0):
    (model,) = house.models[owner]
    return sum(not work.dropped for queue in model.batcher._waiting._by_key.values() for work in queue)


def test_what_a_front_asks_is_answered(house, tools):
    async def body(house):
        (front,) = house.fronts
        (model,) = front
        assert (model.name, model.version, model.provider) == ("inverting", "1", "CPUExecutionProvider")
        assert model.metadata == next(iter(house.models[0])).metadata
        for shape in ((1, 4, 5), (7, 16, 16), (2, 300, 400)):  # the last is copied on a thread
            done = await submit(front, pixels(*shape))
            np.testing.assert_array_equal(done.outputs[0], 255 - pixels(*shape))
            assert done.run > 0
        del done
        await tools.until(lambda: house.arenas[0].lent == 0)

    house(body)


def test_works_of_all_fronts_run_together(house):
    async def body(house):
        session = next(iter(house.models[0])).session
        first = asyncio.create_task(submit(house.fronts[0], pixels(1, 8, 8)))
        await asyncio.sleep(0.05)  # it runs; the others wait
        images = [pixels(1, 16, 16, low=low) for low in range(100, 110)]
        works = [asyncio.create_task(submit(house.fronts[n % 2], image)) for n, image in enumerate(images)]
        await asyncio.sleep(0.05)
        session.free.release(1000)
        for image, work in zip(images, works, strict=True):
            np.testing.assert_array_equal((await work).outputs[0], 255 - image)
        await first
        assert session.shapes == [(1, 8, 8, 3), (10, 16, 16, 3)]

    house(body, fronts=2, free=0)


def test_tiles_go_through(house):
    async def body(house):
        image = pixels(1, 200, 300)
        (model,) = house.fronts[0]
        with ThreadPoolExecutor(2) as threads:
            done = await run_block(model, Block(range(1), image), NAMES, later(), threads)
        np.testing.assert_array_equal(done.outputs[0], 255 - image)
        assert len(next(iter(house.models[0])).session.shapes) > 1

    house(body, batch_pixels=4096, card={"stride": 2, "halo": 1})


def test_a_fault_is_its_callers_alone(house):
    async def body(house):
        (front,) = house.fronts
        bad, good = pixels(1, 8, 8), pixels(1, 8, 8)
        bad[0, 0, 0, 0] = 77
        results = await asyncio.gather(submit(front, bad), submit(front, good), return_exceptions=True)
        assert isinstance(results[0], errors.FaultError)
        np.testing.assert_array_equal(results[1].outputs[0], 255 - good)

    house(body)


def test_what_nobody_waits_for_leaves_the_owners_queue_and_the_memory(house, tools):
    async def body(house):
        (front,) = house.fronts
        running = asyncio.create_task(submit(front, pixels(1, 8, 8)))
        await asyncio.sleep(0.05)
        waiting = [asyncio.create_task(submit(front, pixels(1, 9, 9))) for _ in range(5)]
        await tools.until(lambda: queued(house) == 5)
        for task in waiting[:4]:
            task.cancel()
        await tools.until(lambda: queued(house) == 1)
        await tools.until(lambda: house.arenas[0].lent <= 2 * 1024)
        next(iter(house.models[0])).session.free.release(1000)
        await asyncio.gather(running, waiting[4])

    house(body, free=0)


def test_a_deadline_is_kept_by_the_owner(house):
    async def body(house):
        (front,) = house.fronts
        first = asyncio.create_task(submit(front, pixels(1, 8, 8)))
        await asyncio.sleep(0.05)
        late = asyncio.create_task(submit(front, pixels(1, 9, 9), later(0.05)))
        await asyncio.sleep(0.1)
        next(iter(house.models[0])).session.free.release(1000)
        with pytest.raises(errors.DeadlineError):
            await late
        await first
        with pytest.raises(errors.DeadlineError):
            next(iter(front)).batcher.refuse_late(1, 1, later(-1))

    house(body, free=0)


def test_what_is_held_counts_for_all_fronts_together(house):
    async def body(house):
        one, two = (next(iter(front)).batcher.budget for front in house.fronts)
        with one.reserve(3000) as held:
            with (
                two.reserve(1000),
                pytest.raises(errors.OverloadError, match="queue is full") as error,
                two.reserve(97),
            ):
                pass
            assert error.value.retry_after >= 0.01
            held.resize(100)
            with two.reserve(3900), pytest.raises(errors.OverloadError):
                held.resize(200)
        with two.reserve(5000):  # a single one may be larger
            pass
        assert house.board.held(0, 0) == 0

    house(body, fronts=2, queue_pixels=4096, max_image_pixels=4096)


def test_full_memory_is_an_overload_and_a_work_that_never_fits_is_said(house, tools):
    async def body(house):
        (front,) = house.fronts
        first = [asyncio.create_task(submit(front, pixels(1, 90, 90))) for _ in range(4)]  # 57 KB each with results
        await asyncio.sleep(0.05)
        with pytest.raises(errors.OverloadError, match="memory that is shared is full") as error:
            await submit(front, pixels(1, 90, 90))
        assert error.value.retry_after >= 0.01
        with pytest.raises(errors.RequestError, match="one takes 1120000 bytes with its results, 262144 are shared"):
            await submit(front, pixels(1, 400, 400))
        next(iter(house.models[0])).session.free.release(1000)
        await asyncio.gather(*first)
        first.clear()
        await asyncio.sleep(0)  # what has woken this task still holds the results
        assert (await submit(front, pixels(1, 90, 90))).outputs

    house(body, free=0, memory=1 << 18)


def test_a_work_larger_than_its_share_of_the_memory_goes_in_parts(house):
    async def body(house):
        image = pixels(64, 32, 32)
        done = await submit(house.fronts[0], image)
        np.testing.assert_array_equal(done.outputs[0], 255 - image)
        assert max(shape[0] for shape in next(iter(house.models[0])).session.shapes) <= 9

    house(body, memory=1 << 18)


def test_an_owner_that_ends_fails_what_it_was_asked_and_another_takes_its_place(house, tools):
    async def body(house):
        (front,) = house.fronts
        waiting = [asyncio.create_task(submit(front, pixels(1, 8, 8))) for _ in range(3)]
        await asyncio.sleep(0.05)
        (there,) = house.owners[0]._fronts
        there._link.close()
        for work in waiting:
            with pytest.raises(errors.UnavailableError, match="has ended"):
                await work
        with pytest.raises(errors.UnavailableError, match="no process runs the models"):
            front.pick("autoencoder", "")
        assert list(front) == []
        await tools.until(lambda: (house.lost, house.changes) == ([0], [2]))
        await house.link(0, 0)
        next(iter(house.models[0])).session.free.release(1000)
        assert (await submit(front, pixels(1, 8, 8))).outputs
        await tools.until(lambda: house.changes == [3])
        assert house.board.held(0, 0) == house.board.under_way(0, 0) == 0

    house(body, free=0)


def test_work_goes_where_least_is_under_way(house, tools):
    async def body(house):
        (front,) = house.fronts
        large = asyncio.create_task(submit(front, pixels(1, 64, 64)))
        await asyncio.sleep(0.05)
        small = [asyncio.create_task(submit(front, pixels(1, 8, 8))) for _ in range(10)]
        await asyncio.sleep(0.05)
        assert not any(work.done() for work in small)
        assert {house.board.under_way(0, 0), house.board.under_way(1, 0)} == {64 * 64, 640}
        for models in house.models:
            next(iter(models)).session.free.release(1000)
        await asyncio.gather(large, *small)

    house(body, owners=2, free=0)


def test_one_of_two_owners_goes_on_alone(house):
    async def body(house):
        (front,) = house.fronts
        (there,) = house.owners[0]._fronts
        there._link.close()
        await asyncio.sleep(0.05)
        for _ in range(3):
            assert (await submit(front, pixels(1, 8, 8))).outputs
        assert next(iter(house.models[0])).session.shapes == []
        assert house.changes == [1]  # nothing that a caller would see

    house(body, owners=2)
