"""Owners and fronts on one event loop, with real sockets and shared memory between them."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from types import SimpleNamespace

import pytest

from serve.config import ServeConfig
from serve.errors import FaultError
from serve.fronts.arena import Arena
from serve.fronts.board import Board
from serve.fronts.owner import Owner
from serve.fronts.remote import RemoteModels
from serve.fronts.segment import Segment, create
from serve.lifecycle.models import Models


class Inverting:
    """An auto-encoder of inverted images that runs when it is let, and fails on a pixel of 77."""

    provider = "CPUExecutionProvider"

    def __init__(self, metadata, version="1", free=1000):
        self.file, self.metadata = SimpleNamespace(name="inverting", version=version), metadata
        self.closed = False
        self.shapes, self.free = [], threading.Semaphore(free)

    def close(self):
        self.closed = True

    def run(self, inputs, outputs):
        assert self.free.acquire(timeout=10)
        self.shapes.append(inputs[0].shape)
        if (inputs[0] == 77).any():
            raise FaultError("77")
        return (255 - inputs[0],)


class House:
    """Owners, each with its sessions, and fronts."""

    def __init__(self, sessions, fronts=1, memory=1 << 22, **config):
        self.config = ServeConfig(**{"fronts": 2, "queue_pixels": 1 << 20, "max_image_pixels": 1 << 20} | config)
        self.memory = [create(memory) for _ in range(fronts)]
        board = Board.room(fronts, len(sessions))
        self.board = Board(board, fronts, len(sessions))
        os.close(board)
        self.models = [Models(each, self.config) for each in sessions]
        self.owners = [Owner(models, self.board, index) for index, models in enumerate(self.models)]
        self.changes, self.lost = [0] * fronts, []
        self.arenas = [Arena(Segment(fd)) for fd in self.memory]
        self.fronts = [self._front(index) for index in range(fronts)]

    def _front(self, index):
        async def changed():
            self.changes[index] += 1

        front = RemoteModels(self.arenas[index], self.board, index, self.config, lost=self.lost.append)
        front.subscribe(changed)
        return front

    async def __aenter__(self):
        for front in range(len(self.fronts)):
            for owner in range(len(self.owners)):
                await self.link(front, owner)
        return self

    async def __aexit__(self, *_):
        for front in self.fronts:
            await front.close()
        for models in self.models:
            for model in models:
                model.session.free.release(1000)
            await models.close()
        for owner in self.owners:
            await asyncio.wait_for(owner.deserted(), 5)
        for fd in self.memory:
            os.close(fd)

    async def link(self, front, owner):
        ours, theirs = socket.socketpair()
        await self.owners[owner].join(theirs, os.dup(self.memory[front]))
        await self.fronts[front].link(owner, ours)
        await until(lambda: any(peer.offers for peer in self.fronts[front]._peers.values() if peer.owner == owner))


async def until(true, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)


@pytest.fixture
def house(toys):
    """A function that runs `body(house)` on a loop of its own; one session for each owner unless others are given."""

    def run(body, *, owners=1, sessions=None, free=1000, card=None, **options):
        async def main():
            card_ = toys.metadata("autoencoder", **(card or {}))
            given = sessions or [[Inverting(card_, free=free)] for _ in range(owners)]
            async with House(given, **options) as built:
                await asyncio.wait_for(body(built), 20)

        asyncio.run(main())

    return run


@pytest.fixture
def tools():
    return SimpleNamespace(Inverting=Inverting, until=until)
