"""A bidirectional stream: its requests are answered in their order, a bounded number of them worked on at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import grpc.aio

from serve.errors import UnavailableError

__all__ = ["STOPPING", "Context", "Conversation"]

STOPPING = "the server is stopping"

Context = grpc.aio.ServicerContext[Any, Any]


class Conversation:
    """One caller's stream.

    Args:
        context: of the stream.
        answer: from a message that was read to its answer.
        window: messages that are worked on at a time; no more are read until one of them is answered.
    """

    def __init__(self, context: Context, answer: Callable[[Any], Coroutine[Any, Any, Any]], window: int) -> None:
        self._context = context
        self._answer = answer
        self._room = asyncio.Semaphore(window)
        self._answers: asyncio.Queue[asyncio.Task[Any] | BaseException | None] = asyncio.Queue()
        self._over = self._receiving = False
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(self._ended)

    async def hold(self) -> None:
        """Answer until the caller has asked everything.

        Raises:
            UnavailableError: `stop` was called; what had been read by then is answered.
            Exception: what the first answer that failed raised; those before it are sent.
        """
        try:
            while (answer := await self._answers.get()) is not None:
                if isinstance(answer, BaseException):
                    raise answer
                await self._context.write(await answer)
                self._room.release()
        finally:
            self._over = True
            if not self._receiving:
                self._reading.cancel()
            await _cancel(self._left())

    def stop(self) -> None:
        """Read no further."""
        self._reading.cancel()

    async def _read(self) -> None:
        await self._room.acquire()
        while (message := await self._receive()) is not grpc.aio.EOF and not self._over:
            self._answers.put_nowait(asyncio.create_task(self._answer(message)))
            await self._room.acquire()

    async def _receive(self) -> Any:
        """Read one message. It must not be cancelled but at the end of the server.

        gRPC never frees a message that comes in for a cancelled read; left alone, the read ends with the stream.
        """
        self._receiving = True
        try:
            return await self._context.read()
        finally:
            self._receiving = False

    def _ended(self, reading: asyncio.Task[None]) -> None:
        """Let the last entry say why there are no more; a task that is cancelled before it began could not."""
        self._answers.put_nowait(UnavailableError(STOPPING) if reading.cancelled() else reading.exception())

    def _left(self) -> list[asyncio.Task[Any]]:
        left = [self._answers.get_nowait() for _ in range(self._answers.qsize())]
        return [task for task in left if isinstance(task, asyncio.Task)]


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
