"""A stream without a wire; over one it is tested in test_rpc.py."""

import asyncio

import grpc
import pytest

from serve.errors import UnavailableError
from serve.protocol.conversation import Conversation


class Wire:
    """The messages 0, 1, 2, ... and what was written."""

    def __init__(self, count):
        self.left, self.written, self.read_so_far = iter(range(count)), [], 0

    async def read(self):
        await asyncio.sleep(0)
        self.read_so_far += 1
        return next(self.left, grpc.aio.EOF)

    async def write(self, answer):
        self.written.append(answer)


async def slower_first(message):
    await asyncio.sleep(0.03 if message % 2 == 0 else 0)
    return message


def test_answers_keep_the_order():
    async def main():
        wire = Wire(9)
        await Conversation(wire, slower_first, window=4).hold()
        assert wire.written == list(range(9))

    asyncio.run(main())


def test_no_more_is_read_than_the_window_holds():
    async def main():
        wire, gate = Wire(100), asyncio.Event()

        async def wait(message):
            await gate.wait()
            return message

        conversation = asyncio.create_task(Conversation(wire, wait, window=3).hold())
        await asyncio.sleep(0.02)
        assert wire.read_so_far == 3
        gate.set()
        await conversation
        assert wire.written == list(range(100))

    asyncio.run(main())


@pytest.mark.parametrize("begun", [False, True])
def test_a_stopped_stream_says_so_even_if_it_had_not_begun(begun):
    async def main():
        wire = Wire(0 if not begun else 10**9)
        conversation = Conversation(wire, slower_first, window=2)
        held = asyncio.create_task(conversation.hold())
        if begun:
            await asyncio.sleep(0.05)
        conversation.stop()
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(held, 5)
        assert wire.written == list(range(len(wire.written)))
        assert bool(wire.written) == begun

    asyncio.run(main())


def test_a_pending_read_is_left_to_end_with_the_stream():
    async def main():
        events, over = [], asyncio.Event()

        class Slow(Wire):
            async def read(self):
                if self.read_so_far == 1:
                    try:
                        await over.wait()
                    except asyncio.CancelledError:
                        events.append("cancelled")
                        raise
                return await super().read()

        async def fail(message):
            events.append(message)
            await asyncio.sleep(0.01)
            raise UnavailableError("no")

        conversation = Conversation(Slow(5), fail, window=4)
        with pytest.raises(UnavailableError):
            await conversation.hold()
        over.set()
        await asyncio.sleep(0.05)
        assert events == [0]  # neither cancelled nor read on
        assert conversation._reading.done()

    asyncio.run(main())


def test_a_reader_that_waits_for_room_ends_with_the_failure():
    async def main():
        async def fail(message):
            raise UnavailableError("no")

        conversation = Conversation(Wire(5), fail, window=1)
        with pytest.raises(UnavailableError):
            await conversation.hold()
        await asyncio.sleep(0.02)
        assert conversation._reading.done()

    asyncio.run(main())


def test_a_failure_ends_it_after_the_answers_before_it_and_cancels_the_rest():
    async def main():
        wire, cancelled = Wire(10), []

        async def answer(message):
            if message == 2:
                await asyncio.sleep(0.05)
                raise UnavailableError("two")
            try:
                await asyncio.sleep(0 if message < 2 else 9)
            except asyncio.CancelledError:
                cancelled.append(message)
                raise
            return message

        with pytest.raises(UnavailableError, match="two"):
            await Conversation(wire, answer, window=4).hold()
        assert wire.written == [0, 1]
        assert cancelled == [3, 4, 5]

    asyncio.run(main())
