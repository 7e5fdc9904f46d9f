"""Models that change while they are served: a repository is watched, and what it holds is followed.

    a file appears or changes
        |  stands still between two looks
        v
     LOADING   loaded, warmed and tried (serve.lifecycle.trial) beside the version that goes on serving
        |        \\
        | works    \\ does not load, is damaged, of another kind, gives NaN, ...
        v           v
      READY       FAILED   said once in the log; the old version goes on; tried again when the file changes
        |
        |  a newer version is READY, or this one is gone from disk: the newest other one that works takes
        v  its place, or, where there is none left, the model is no longer served
    UNLOADING  answers what it accepted before, then is closed and its memory given back

At the start the newest version of each model that works is taken; only a repository without any model that
works is refused. One thread does the looking and loading; the models belong to the event loop (serve.lifecycle.models)
and are changed there. What is served was read whole into memory: its file may be overwritten or deleted.
While a model is swapped, both versions are in memory.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from serve.catalogue import ModelState
from serve.config import ServeConfig
from serve.lifecycle.follow import AtStart, Follower
from serve.lifecycle.models import Models
from serve.repository import ModelFile
from serve.session import Session

__all__ = ["Watch"]

log = logging.getLogger(__name__)


class Watch:
    """Follows one repository: `load` what it holds, `start` when it is served, `halt` and `stop` at the end.

    Args:
        repository: a model repository, the folder of one model, or one .onnx file.
        config: of the server; `watch_seconds` is the time between two looks, 0: there are none.
    """

    def __init__(self, repository: Path, config: ServeConfig) -> None:
        self._follower = Follower(repository, config)
        self._seconds = config.watch_seconds
        self._first = AtStart()
        self._wake = threading.Event()
        self._halted = False
        self._thread: threading.Thread | None = None

    def load(self) -> list[Session]:
        """Load what the server begins with; see `serve.lifecycle.follow.Follower.load`."""
        self._first = self._follower.load()
        return self._first.sessions

    def start(self, models: Models) -> None:
        """Begin to follow; to be called on the event loop of the models, which are made of what `load` gave."""
        for file, error in self._first.failures:
            models.note(ModelState(file.name, file.version, "FAILED", str(error)))
        if self._seconds:
            live = _Live(models, asyncio.get_running_loop())
            self._thread = threading.Thread(target=self._follow, args=(live,), name="watch", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look now rather than at the next turn; from any thread."""
        self._wake.set()

    def halt(self) -> None:
        """Look no more."""
        self._halted = True
        self._wake.set()

    async def stop(self, seconds: float) -> None:
        """Halt, and wait for what is being loaded, but no longer than so many seconds."""
        self.halt()
        if self._thread:
            await asyncio.to_thread(self._thread.join, seconds)

    def _follow(self, live: _Live) -> None:
        while True:
            self._wake.wait(self._seconds)
            self._wake.clear()
            if self._halted:
                return
            try:
                self._follower.look(live)
            except Exception:
                if not self._halted:  # else the models, or their event loop, are closed
                    log.exception("watching %s goes on after an error", self._follower.repository)


class _Live:
    """The models of a running server, as the thread that watches changes them: on their loop, one after another."""

    def __init__(self, models: Models, loop: asyncio.AbstractEventLoop) -> None:
        self._models, self._loop = models, loop

    def loading(self, file: ModelFile) -> None:
        self._note(ModelState(file.name, file.version, "LOADING"))

    def refused(self, file: ModelFile, error: Exception) -> None:
        self._note(ModelState(file.name, file.version, "FAILED", str(error)))

    def forget(self, name: str, version: str) -> None:
        self._loop.call_soon_threadsafe(self._models.forget, name, version)

    def put(self, session: Session) -> None:
        self._wait_for(self._models.put(session))

    def remove(self, name: str) -> None:
        self._wait_for(self._models.remove(name))

    def _note(self, state: ModelState) -> None:
        self._loop.call_soon_threadsafe(self._models.note, state)

    def _wait_for(self, change: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(change, self._loop).result()
