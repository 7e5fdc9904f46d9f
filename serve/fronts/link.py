"""The socket between a front and an owner: messages either way, on the event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from serve.fronts.messages import Message
from serve.fronts.plain import PlainError
from serve.fronts.wire import WireError, decoded, encoded, frames

__all__ = ["Link", "open_link"]

log = logging.getLogger(__name__)


class Link(asyncio.Protocol):
    """One end. What is sent in one turn of the loop leaves together, and wakes the other side once.

    Args:
        heard: called with each message.
        ended: called once when the other side is gone, or has sent what is no message.
    """

    def __init__(self, heard: Callable[[Message], None], ended: Callable[[], None]) -> None:
        self._heard, self._ended = heard, ended
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._come = bytearray()
        self._going: list[bytes] = []

    def send(self, message: Message) -> None:
        """Send a message; one to nobody is lost."""
        if not self._going:
            self._loop.call_soon(self._flush)
        self._going.append(encoded(message))

    def close(self) -> None:
        """End it."""
        self._flush()
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that have come whole."""
        self._come += data
        try:
            for kind, body in frames(self._come):
                self._heard(decoded(kind, body))
        except (WireError, PlainError) as error:
            log.error("a link is closed, for what came is no message: %s", error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Say that it ended."""
        self._transport = None
        self._ended()

    def _flush(self) -> None:
        if self._going and self._transport:
            self._transport.write(b"".join(self._going))
        self._going.clear()


async def open_link(sock: socket.socket, heard: Callable[[Message], None], ended: Callable[[], None]) -> Link:
    """Speak over a connected stream socket."""
    link = Link(heard, ended)
    await asyncio.get_running_loop().create_connection(lambda: link, sock=sock)
    return link
