"""One path for all protocols; what it refuses over the wire is in test_service.py and test_server.py."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serve.blocks import Block
from serve.compute import Answer, Compute, Job
from serve.config import ServeConfig
from serve.errors import OverloadError, RequestError
from serve.lifecycle.models import Models
from serve.protocol.ticket import Ticket
from serve.server import load_sessions

CONFIG = ServeConfig(threads=1, queue_pixels=8192, max_image_pixels=4096, max_message_bytes=20_000)


def block(where, *shape):
    return Block(where, np.full((len(where), *shape, 3), 10, np.uint8))


def job(*blocks, cost=1024, outputs=("embedding",), slow=False):
    images = sum(len(part.where) for part in blocks)
    return Job(images, cost, lambda: list(blocks), slow, outputs, outputs)


@pytest.fixture
def scenario(repository):
    def run(body):
        """Run `body(compute, model)` on a loop of its own."""

        async def main():
            models = Models(load_sessions(repository / "toy-encoder", CONFIG), CONFIG)
            try:
                with ThreadPoolExecutor(1) as threads:
                    return await body(Compute(CONFIG, threads), next(iter(models)))
            finally:
                await models.close()

        return asyncio.run(main())

    return run


def ticket():
    return Ticket("id", "/service/Call", time.monotonic() + 20)


@pytest.mark.parametrize("slow", [False, True])
def test_images_of_several_sizes_come_back_in_their_order(scenario, slow):
    async def body(compute, model):
        blocks = [block([0, 2], 4, 4), block([1], 5, 4)]
        blocks[1].image[:] = 20
        mine = ticket()
        answer = await compute(model, job(*blocks, outputs=("embedding", "feature_map"), slow=slow), mine)
        assert isinstance(answer, Answer)
        np.testing.assert_allclose(answer.matrix(0)[:, 0] * 255, [10, 20, 10], rtol=1e-5)
        assert [row.shape for row in answer.rows(1)] == [(3, 4, 4), (3, 5, 4), (3, 4, 4)]
        assert (mine.model, mine.images) == (model, 3)
        assert mine.spent.run == answer.run > 0

    scenario(body)


def test_what_is_held_is_given_back_however_it_ends(scenario):
    async def body(compute, model):
        big = job(block(range(8), 32, 32))
        for _ in range(3):
            await compute(model, big, ticket())
            with pytest.raises(RequestError, match="at most 8192 pixels in one request"):
                await compute(model, job(block(range(9), 32, 32)), ticket())
            with pytest.raises(RequestError, match="feature_maps: a reply holds 20000 bytes"):
                await compute(model, job(block(range(2), 32, 32), outputs=("feature_map",)), ticket())

    scenario(body)


def test_there_is_no_room_before_anything_is_read(scenario):
    async def body(compute, model):
        def read():
            raise AssertionError("it was read")

        with model.batcher.budget.reserve(8192), pytest.raises(OverloadError):
            await compute(model, Job(1, 1024, read, False, ("embedding",), ()), ticket())

    scenario(body)
