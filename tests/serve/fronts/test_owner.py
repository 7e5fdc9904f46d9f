"""Fronts as an owner sees them: what it refuses, what it lets go of, and how versions change under it."""

import asyncio
import os
import socket
import threading
import time

import numpy as np
import pytest

from serve import errors
from serve.catalogue import ModelState
from serve.fronts import caller, messages
from serve.fronts.messages import Failed, Finished, Offers, Submit
from serve.fronts.parts import copy_all
from serve.fronts.wire import decoded as decode
from serve.fronts.wire import encoded, frames

LATER = time.monotonic() + 1000


async def ask(house, *messages):
    """Speak with an owner by hand; returns what it says, one thing for each message, and first what it offers."""
    ours, theirs = socket.socketpair()
    await house.owners[0].join(theirs, os.dup(house.memory[0]))
    reader, writer = await asyncio.open_connection(sock=ours)
    buffer, said = bytearray(), []
    try:
        while len(said) <= len(messages):
            buffer += await asyncio.wait_for(reader.read(1 << 16), 5)
            said += [decode(kind, body) for kind, body in frames(buffer)]
            if len(said) == 1:
                number = said[0].offers[0].number
                writer.write(b"".join(encoded(message(number)) for message in messages))
    finally:
        writer.close()
        await writer.wait_closed()
    return said


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"offset": 1 << 22}, errors.FaultError),
        ({"offset": (1 << 22) - 64}, errors.FaultError),
        ({"offset": 1 << 63}, errors.FaultError),
        ({"offset": 32}, errors.FaultError),
        ({"size": (1, 0, 8)}, errors.FaultError),
        ({"size": (0, 8, 8)}, errors.FaultError),
        ({"size": (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)}, errors.FaultError),
        ({"size": (1, 1024, 1024)}, errors.FaultError),
        ({"outputs": ("embedding",)}, errors.FaultError),
        ({"outputs": ("",)}, errors.FaultError),
        ({"model": 99}, errors.UnavailableError),
    ],
)
def test_whatever_a_front_says_the_owner_touches_only_what_they_share(house, changes, error):
    def wrong(number):
        base = {"number": 1, "model": number, "expires": LATER, "offset": 0, "size": (1, 8, 8)}
        return Submit(**base | {"outputs": ("reconstruction",)} | changes)

    def right(number):
        return Submit(2, number, LATER, 0, (1, 8, 8), ("reconstruction",))

    async def body(house):
        offers, *answers = await ask(house, wrong, right)
        assert isinstance(offers, Offers)
        by_number = {answer.number: answer for answer in answers}
        assert isinstance(by_number[1], Failed) and type(by_number[1].error) is error
        assert isinstance(by_number[2], Finished)
        assert next(iter(house.models[0])).session.shapes == [(1, 8, 8, 3)]

    house(body)


def test_who_sends_no_messages_is_left_and_nobody_else(house, tools):
    async def body(house):
        ours, theirs = socket.socketpair()
        await house.owners[0].join(theirs, os.dup(house.memory[0]))
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(b"\x05\x00\x00\x00\xffhello")
        while await asyncio.wait_for(reader.read(1 << 16), 5):
            pass
        writer.close()
        await writer.wait_closed()
        await tools.until(lambda: len(house.owners[0]._fronts) == 1)
        image = np.full((1, 8, 8, 3), 9, np.uint8)
        model = house.fronts[0].pick("autoencoder", "")
        assert (await model.batcher.submit((image, image[..., 0]), ("reconstruction",), LATER)).outputs[0].max() == 246

    house(body)


def test_a_model_that_gives_other_arrays_than_it_says_is_a_fault(house, tools, toys):
    class Cropping(tools.Inverting):
        def run(self, inputs, outputs):
            return (super().run(inputs, outputs)[0][:, 1:],)

    async def body(house):
        image = np.zeros((1, 8, 8, 3), np.uint8)
        model = house.fronts[0].pick("autoencoder", "")
        with pytest.raises(errors.FaultError, match=r"gave uint8 \(1, 7, 8, 3\) where its metadata means"):
            await model.batcher.submit((image, image[..., 0]), ("reconstruction",), LATER)

    house(body, sessions=[[Cropping(toys.metadata("autoencoder"))]])


def test_what_is_being_written_can_no_more_be_cancelled(house, tools, monkeypatch):
    began, go = threading.Event(), threading.Event()

    def slowly(places, arrays):
        began.set()
        assert go.wait(10)
        copy_all(places, arrays)

    async def body(house):
        (front,), (arena,) = house.fronts, house.arenas
        image = np.zeros((1, 700, 700, 3), np.uint8)  # large enough to be written on a thread
        work = front.pick("autoencoder", "").batcher.submit((image, image[..., 0]), ("reconstruction",), LATER)
        task = asyncio.create_task(work)
        assert await asyncio.to_thread(began.wait, 10)
        task.cancel()
        await asyncio.sleep(0.1)
        assert arena.lent > 2 * image.nbytes  # or the next work would be given what is written to
        go.set()
        await tools.until(lambda: arena.lent == 0)

    monkeypatch.setattr(caller, "copy_all", slowly)
    house(body, memory=1 << 24)


def test_a_front_that_vanishes_takes_its_works_along(house, tools):
    async def body(house):
        session = next(iter(house.models[0])).session
        image = np.zeros((1, 8, 8, 3), np.uint8)
        works = []
        for front in house.fronts:
            model = front.pick("autoencoder", "")
            for _ in range(5):
                work = model.batcher.submit((image, image[..., 0]), ("reconstruction",), LATER)
                works.append(asyncio.create_task(work))
                await asyncio.sleep(0.01)
        next(iter(house.fronts[0]._peers.values()))._link._transport.abort()
        await tools.until(lambda: len(house.owners[0]._fronts) == 1)
        session.free.release(1000)
        results = await asyncio.gather(*works, return_exceptions=True)
        assert all(isinstance(result, errors.UnavailableError) for result in results[:5])
        assert all(result.outputs[0].min() == 255 for result in results[5:])
        assert sum(shape[0] for shape in session.shapes) == 6  # the one that ran already, and those of the other

    house(body, fronts=2, free=0)


def test_a_new_version_takes_the_calls_and_the_old_one_finishes_what_it_began(house, tools, toys):
    async def body(house):
        (front,), (models,) = house.fronts, house.models
        (old,) = models
        new = tools.Inverting(toys.metadata("autoencoder"), version="2")
        image = np.zeros((1, 8, 8, 3), np.uint8)

        def submit(model):
            work = model.batcher.submit((image, image[..., 0]), ("reconstruction",), LATER)
            return asyncio.create_task(work)

        began = front.pick("autoencoder", "")
        with began.batcher.budget.reserve(64):
            work = submit(began)
            await asyncio.sleep(0.05)
            swap = asyncio.create_task(models.put(new))
            await tools.until(lambda: front.find("inverting").version == "2")
            await tools.until(lambda: house.changes == [2])
            assert {(state.version, state.state) for state in front.states()} == {("1", "UNLOADING"), ("2", "READY")}
            old.session.free.release(1)
            assert (await work).outputs
            again = submit(began)  # as a next tile would be
            old.session.free.release(1)
            assert (await again).outputs
            assert not old.session.closed and not swap.done()
        await asyncio.wait_for(swap, 5)
        assert old.session.closed
        assert (await submit(front.pick("autoencoder", ""))).outputs and new.shapes == [(1, 8, 8, 3)]
        with pytest.raises(errors.UnavailableError):
            await submit(began)

    house(body, free=0)


def test_models_that_come_and_go_and_fail_are_known_to_fronts(house, tools, monkeypatch):
    async def body(house):
        (front,), (models,) = house.fronts, house.models
        watching = asyncio.create_task(house.owners[0].keep_telling())
        models.note(ModelState("inverting", "7", "FAILED", "it is damaged"))
        await tools.until(lambda: ModelState("inverting", "7", "FAILED", "it is damaged") in front.states())
        watching.cancel()
        await models.remove("inverting")
        await tools.until(lambda: list(front) == [])
        with pytest.raises(errors.ModelNotFoundError, match="this server has none"):
            front.find("inverting")

    monkeypatch.setattr(messages, "TELL", 0.02)
    house(body)
