"""Models as a front sees them: what owners offer, by name, with a queue that leads into their processes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

from serve.catalogue import Changed, ModelState, find, pick
from serve.config import ServeConfig
from serve.errors import UnavailableError
from serve.fronts.arena import Arena
from serve.fronts.board import Board
from serve.fronts.messages import Tally
from serve.fronts.model import RemoteModel
from serve.fronts.peer import Peer
from serve.fronts.plain import Plain, plain
from serve.fronts.queue import Replica
from serve.metadata import Kind

__all__ = ["RemoteModels"]


class RemoteModels:
    """The models of all owners that are there; on one event loop.

    Of a model that owners offer in several versions, as they do for a moment while they load a new one, the newest
    takes the calls; a request goes on with the version that it began with.

    Args:
        arena: this front's shared memory.
        board: what all processes know of each queue.
        front: this front's index.
        config: its limits.
        lost: called with the index of an owner whose link has ended.
    """

    def __init__(
        self,
        arena: Arena,
        board: Board,
        front: int,
        config: ServeConfig,
        *,
        lost: Callable[[int], None],
    ) -> None:
        self._arena, self._board, self._front, self._config = arena, board, front, config
        self._lost = lost
        self._listeners: list[Changed] = []
        self._news = False
        self._telling: asyncio.Task[None] | None = None
        self._peers: dict[int, Peer] = {}
        self._models: dict[tuple[str, str, str], RemoteModel] = {}  # by name, version and metadata
        self._by_name: dict[str, RemoteModel] = {}

    def __iter__(self) -> Iterator[RemoteModel]:
        return iter(tuple(self._by_name.values()))

    def pick(self, kind: Kind, name: str) -> RemoteModel:
        """Find the model that a request means; see `serve.catalogue.pick`.

        Raises:
            UnavailableError: no owner is there.
        """
        return pick(self._there(), kind, name)

    def find(self, name: str, version: str = "") -> RemoteModel:
        """Find a model of any kind; see `serve.catalogue.find`.

        Raises:
            UnavailableError: no owner is there.
        """
        return find(self._there(), name, version)

    def states(self) -> list[ModelState]:
        """All versions, as the owners last said."""
        states = {state for peer in self._peers.values() for state in peer.states}
        return sorted(states, key=lambda state: (state.name, int(state.version), state.state))

    def subscribe(self, changed: Changed) -> None:
        """Have a function awaited after models have come or gone."""
        self._listeners.append(changed)

    async def link(self, owner: int, sock: socket.socket) -> None:
        """Speak with an owner; what it offers comes a moment later."""
        peer = Peer(owner, offered=self._sort, totalled=self._add_up, ended=self._end)
        self._peers[owner] = peer
        await peer.open(sock)

    def tell(self, requests: Plain) -> None:
        """Let the owners know what this front has counted.

        Args:
            requests: all that it took.
        """
        for peer in self._peers.values():
            own = {
                one.number: plain(model.statistics.own)
                for model in self._models.values()
                for one in model.queue.replicas
                if one.peer is peer
            }
            peer.tell(Tally(own, requests))

    async def close(self) -> None:
        """Fail what waits as unavailable, and leave the owners."""
        for peer in list(self._peers.values()):
            peer.close(UnavailableError("the server is stopping"))

    def _there(self) -> dict[str, RemoteModel]:
        if not self._by_name and not any(peer.heard for peer in self._peers.values()):
            raise UnavailableError("no process runs the models at the moment: try again")
        return self._by_name

    def _end(self, peer: Peer) -> None:
        if self._peers.get(peer.owner) is peer:
            del self._peers[peer.owner]
            self._lost(peer.owner)
        self._sort(peer)

    def _sort(self, peer: Peer) -> None:
        """Take in what an owner offers now."""
        there = {offer.number for offer in peer.offers}
        for model in self._models.values():
            model.queue.withdraw(peer, there)
        for offer in peer.offers:
            key = (offer.name, offer.version, offer.metadata)
            if key not in self._models:
                self._models[key] = RemoteModel.of(offer, self._arena, self._board, self._front, self._config)
            self._models[key].queue.add(Replica(peer, offer.number, offer.slot))
        served = sorted((model for model in self._models.values() if model.queue.offered), key=_age)
        before = set(self._by_name.values())
        self._by_name = {model.name: model for model in served}
        kept = before | set(served)  # also those that nobody runs at the moment: they come back with their counters
        self._models = {key: m for key, m in self._models.items() if m.queue.replicas or m in kept or not served}
        if before != set(self._by_name.values()):
            self._change()

    def _add_up(self) -> None:
        """Take in what others have counted: runs of every owner; requests, which each has been told, of one."""
        for model in self._models.values():
            replicas = model.queue.replicas
            runs = [one.peer.totals.runs.get(one.number, {}) for one in replicas]
            requests = [one.peer.totals.requests.get(one.number, {}) for one in replicas]
            model.statistics.see([part for part in (*runs, *requests[:1]) if part])

    def _change(self) -> None:
        self._news = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._news:
            self._news = False
            for listener in tuple(self._listeners):
                await listener()


def _age(model: RemoteModel) -> tuple[str, int]:
    return (model.name, int(model.version))
