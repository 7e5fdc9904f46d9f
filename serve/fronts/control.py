"""The line between the supervisor and a child: what it is to do, and how it fares.

It is a pair of sockets that only the two have. Documents are pickled, as between any process and the child that it
started with the same code; descriptors of sockets and memory travel with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serve.config import ServeConfig
from serve.errors import ServeError

__all__ = ["Control", "Document", "Failed", "Linked", "Lost", "Ready", "Role", "Start"]

LONGEST = 1 << 18  # bytes of a document
MOST = 2  # descriptors with one
Role = Literal["front", "owner"]


@dataclass(frozen=True)
class Start:
    """What a child is; the board comes with it, and to a front its memory.

    Attributes:
        role: front or owner.
        index: which of them.
        owners: how many owners there are.
        config: of the server, the address with the port that is held.
        models: the repository.
    """

    role: Role
    index: int
    owners: int
    config: ServeConfig
    models: Path


@dataclass(frozen=True)
class Linked:
    """The other side is there: the socket comes with it, and to an owner the front's memory.

    Attributes:
        index: of the owner, where a front is told.
        life: which of the processes that had this index.
    """

    index: int
    life: int


@dataclass(frozen=True)
class Ready:
    """The child works; an owner says in `lines` what it runs."""

    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """The child cannot start."""

    error: ServeError


@dataclass(frozen=True)
class Lost:
    """A front's link to an owner has ended; as in `Linked`."""

    index: int
    life: int


Document = Start | Linked | Ready | Failed | Lost


class Control:
    """One end of the line."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @classmethod
    def pair(cls) -> tuple[Control, socket.socket]:
        """Make a line: this end, and the other's socket."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def say(self, document: Document, descriptors: Sequence[int] = ()) -> None:
        """Send a document; one to nobody is lost."""
        with contextlib.suppress(OSError):
            socket.send_fds(self._socket, [pickle.dumps(document)], descriptors)

    def hear(self) -> tuple[Document, list[int]] | None:
        """Wait for a document and the descriptors that came with it; None: the other end is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, LONGEST, MOST)
        except ConnectionResetError:  # it left without having read all; what it said comes after this
            data, descriptors, _, _ = socket.recv_fds(self._socket, LONGEST, MOST)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return (pickle.loads(data), descriptors) if data else None

    def follow(self, heard: Callable[[Document, list[int]], None], ended: Callable[[], None]) -> None:
        """From now on call one of these on the event loop."""
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)

        def read() -> None:
            try:
                found = self.hear()
            except BlockingIOError:
                return
            if found is None:
                loop.remove_reader(self._socket)
                ended()
            else:
                heard(*found)

        loop.add_reader(self._socket, read)

    def close(self) -> None:
        """End the line; to be called on the loop that follows it."""
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
