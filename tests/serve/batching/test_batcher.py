import asyncio
import threading
import time

import numpy as np
import pytest

from serve.batching.batcher import Batcher
from serve.batching.waiting import BatchLimits
from serve.errors import DeadlineError, FaultError, UnavailableError

POISON = 255


class Double:
    """Answers each image's first value times two; runs only when let; fails where an image is poison."""

    def __init__(self):
        self.batches = []
        self.free = threading.Event()
        self.entered = threading.Event()
        self.free.set()
        self.during = lambda first: None

    def run(self, inputs, outputs):
        self.entered.set()
        assert self.free.wait(10)
        first = inputs[0][:, 0, 0, 0]
        self.batches.append(first.tolist())
        self.during(first)
        if POISON in first:
            raise FaultError("poison")
        return (first.astype(np.float32) * 2,)


def images(*values, size=2):
    return (np.stack([np.full((size, size, 3), value, np.uint8) for value in values]),)


def soon(seconds=10.0):
    return time.monotonic() + seconds


def scenario(body, *, limit=8, queue=1 << 20):
    """Run `body(batcher, session)` on a loop of its own."""

    async def main():
        session = Double()
        batcher = Batcher(session, BatchLimits(limit, 1 << 20), queue)
        try:
            return await asyncio.wait_for(body(batcher, session), 20)
        finally:
            session.free.set()
            await batcher.close()

    return asyncio.run(main())


async def held(batcher, session, *blocks, expires=None):
    """Submit while the runtime is busy with an image of value 0; returns the tasks, the busy one first."""
    session.free.clear()
    session.entered.clear()
    tasks = [asyncio.create_task(batcher.submit(images(0), ("y",), soon()))]
    await asyncio.to_thread(session.entered.wait)
    ends = expires or soon()
    tasks.extend([asyncio.create_task(batcher.submit(block, ("y",), ends)) for block in blocks])
    await asyncio.sleep(0.01)
    return tasks


def test_a_lone_request_does_not_wait():
    async def body(batcher, session):
        done = await batcher.submit(images(3, 4), ("y",), soon())
        assert done.outputs[0].tolist() == [6, 8]
        assert done.queue < 1 and done.run >= 0

    scenario(body)


def test_what_waited_runs_together_and_answers_go_to_their_callers():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(1), images(2, 3), images(4))
        session.free.set()
        answers = [(await task).outputs[0].tolist() for task in tasks]
        assert answers == [[0], [2], [4, 6], [8]]
        assert session.batches == [[0], [1, 2, 3, 4]]

    scenario(body)


def test_a_block_above_the_limit_is_put_together_again():
    async def body(batcher, session):
        done = await batcher.submit(images(*range(20)), ("y",), soon())
        assert done.outputs[0].tolist() == [2 * value for value in range(20)]
        assert [len(batch) for batch in session.batches] == [8, 8, 4]

    scenario(body)


def test_only_the_poison_fails():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(1), images(2, POISON), images(3))
        session.free.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [results[i].outputs[0].tolist() for i in (0, 1, 3)] == [[0], [2], [6]]
        assert isinstance(results[2], FaultError)

    scenario(body)


def test_a_cancelled_caller_leaves_the_queue_and_hurts_nobody():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(1), images(2), images(3))
        tasks[2].cancel()
        await asyncio.sleep(0)
        session.free.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[2], asyncio.CancelledError)
        assert [results[i].outputs[0].tolist() for i in (0, 1, 3)] == [[0], [2], [6]]
        assert session.batches == [[0], [1, 3]]

    scenario(body)


def test_cancelling_while_it_runs_hurts_nobody():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(1))
        tasks[0].cancel()
        session.free.set()
        assert (await tasks[1]).outputs[0].tolist() == [2]

    scenario(body)


def test_the_late_are_dropped_before_they_run():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(1), expires=soon(0.02))
        await asyncio.sleep(0.05)
        session.free.set()
        with pytest.raises(DeadlineError):
            await tasks[1]
        assert session.batches == [[0]]

    scenario(body)


def test_a_deadline_that_cannot_be_kept_is_refused_at_once():
    async def body(batcher, session):
        batcher.pace.ran(4, 1, 4.0, full=True)
        with pytest.raises(DeadlineError, match="shorter than the work"):
            await batcher.submit(images(1), ("y",), soon(2))
        assert session.batches == []

    scenario(body)


def test_what_would_be_late_behind_the_queue_is_refused_at_once():
    async def body(batcher, session):
        batcher.pace.ran(4, 1, 0.4, full=True)
        tasks = await held(batcher, session, images(1), images(2), expires=soon(100))
        with pytest.raises(DeadlineError, match="queue"):
            await batcher.submit(images(3), ("y",), soon(1.5))
        last = asyncio.create_task(batcher.submit(images(4), ("y",), soon(2.5)))
        await asyncio.sleep(0.01)
        session.free.set()
        assert (await last).outputs[0].tolist() == [8]
        await asyncio.gather(*tasks)
        assert session.batches == [[0], [1, 2, 4]]

    scenario(body)


def test_a_hiccup_does_not_shut_the_door():
    async def body(batcher, session):
        batcher.pace.ran(4, 1, 0.4, full=True)
        batcher.pace.ran(4, 1, 4000, full=True)
        assert (await batcher.submit(images(1), ("y",), soon(1))).outputs[0].tolist() == [2]

    scenario(body)


def test_the_next_full_batch_is_copied_while_one_runs():
    async def body(batcher, session):
        large = [images(value, size=256) for value in range(1, 10)]
        session.free.clear()
        first = asyncio.create_task(batcher.submit(images(0, size=256), ("y",), soon()))
        await asyncio.to_thread(session.entered.wait)
        rest = [asyncio.create_task(batcher.submit(block, ("y",), soon())) for block in large]
        await asyncio.sleep(0.05)
        session.free.set()
        answers = await asyncio.gather(first, *rest)
        assert [done.outputs[0].tolist() for done in answers] == [[2 * value] for value in range(10)]
        assert session.batches == [[0], [*range(1, 9)], [9]]

    scenario(body)


def test_poison_in_a_batch_that_was_copied_ahead_fails_alone():
    async def body(batcher, session):
        blocks = [images(*values, size=256) for values in ([1] * 8, [2] * 8, [3, 4, POISON], [5] * 5)]
        tasks = await held(batcher, session, *blocks)
        session.free.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[3], FaultError)
        assert [results[i].outputs[0].tolist() for i in (1, 2, 4)] == [[2] * 8, [4] * 8, [10] * 5]

    scenario(body)


def test_a_batch_that_was_copied_ahead_and_that_nobody_waits_for_any_more_does_not_run():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(*[1] * 8, size=256), images(*[2] * 8, size=256))
        gone, loop = threading.Event(), asyncio.get_running_loop()
        tasks[2].add_done_callback(lambda _: gone.set())

        def cancel_the_second(first):
            if first[0] == 1:
                loop.call_soon_threadsafe(tasks[2].cancel)
                assert gone.wait(10)

        session.during = cancel_the_second
        session.free.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await batcher.submit(images(7), ("y",), soon())).outputs[0].tolist() == [14]
        assert session.batches == [[0], [1] * 8, [7]]

    scenario(body)


def test_a_model_that_is_flooded_does_not_hold_up_another():
    async def body(batcher, session):
        flood = await held(batcher, session, *[images(1)] * 100)
        other = Batcher(Double(), BatchLimits(8, 1 << 20), 1 << 20)
        assert (await other.submit(images(3), ("y",), soon())).outputs[0].tolist() == [6]
        assert not any(task.done() for task in flood)
        session.free.set()
        await asyncio.gather(*flood)
        await other.close()

    scenario(body)


def test_closing_fails_what_waits_and_answers_what_runs():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(1))
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.01)
        session.free.set()
        await closing
        assert (await tasks[0]).outputs[0].tolist() == [0]
        for late in (tasks[1], batcher.submit(images(1), ("y",), soon())):
            with pytest.raises(UnavailableError):
                await late

    scenario(body)


def test_many_callers_each_get_their_own():
    async def body(batcher, session):
        async def one(value):
            return (await batcher.submit(images(value, size=1 + value % 3), ("y",), soon())).outputs[0].tolist()

        answers = await asyncio.gather(*(one(value % 200) for value in range(500)))
        assert answers == [[2 * (value % 200)] for value in range(500)]

    scenario(body)


def test_runs_are_counted_with_what_they_held():
    async def body(batcher, session):
        tasks = await held(batcher, session, images(1), images(2, 3), images(POISON, size=3))
        session.free.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        counted = batcher.statistics
        assert (counted.executions, counted.inferences) == (2, 4)  # the one that failed is not among them
        assert {size: batch.compute_infer.count for size, batch in counted.batches.items()} == {1: 1, 3: 1}

    scenario(body)
