"""Follow a repository: look at it, try what is better than what is served, and say what became of it.

What it finds out goes to a `Served`: a list at the start, the models of a running server
afterwards (`serve.lifecycle.watch`). One thread at a time may use it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from serve.config import ServeConfig
from serve.errors import RepositoryError, ServeError
from serve.lifecycle.ledger import Found, Ledger
from serve.lifecycle.trial import load
from serve.metadata import ModelMetadata
from serve.repository import ModelFile, find_models, list_versions, read_stamp
from serve.session import Session

__all__ = ["AtStart", "Follower", "Served"]

SETTLE = 1.0  # seconds for which a file must stand still; less where looks are more frequent
log = logging.getLogger(__name__)


class Served(Protocol):
    """Who is told what a look brought about."""

    def loading(self, file: ModelFile) -> None:
        """A version is about to be loaded."""

    def refused(self, file: ModelFile, error: Exception) -> None:
        """It does not work."""

    def forget(self, name: str, version: str) -> None:
        """What was refused is gone, or another file by now."""

    def put(self, session: Session) -> None:
        """It works: serve it from now on."""

    def remove(self, name: str) -> None:
        """No version is left."""


class AtStart:
    """Collects what a server begins with.

    Attributes:
        sessions: loaded, warm and tried.
        failures: what does not work, and why.
    """

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.failures: list[tuple[ModelFile, Exception]] = []

    def loading(self, file: ModelFile) -> None:
        """Nobody waits for it yet."""

    def refused(self, file: ModelFile, error: Exception) -> None:
        """Keep it for those who ask."""
        self.failures.append((file, error))

    def forget(self, name: str, version: str) -> None:
        """There is nothing yet."""

    def put(self, session: Session) -> None:
        """Keep it."""
        self.sessions.append(session)

    def remove(self, name: str) -> None:
        """There is nothing yet."""


class Follower:
    """Knows a repository and what is served of it.

    Args:
        repository: a model repository, the folder of one model, or one .onnx file.
        config: of the server.
    """

    def __init__(self, repository: Path, config: ServeConfig) -> None:
        self.repository = repository
        self._config = config
        self._ledger = Ledger(min(SETTLE, config.watch_seconds))
        self._metadata: dict[str, ModelMetadata] = {}
        self._readable = True

    def load(self) -> AtStart:
        """Load, warm and try the newest version of every model; where it does not work, the newest that does.

        Raises:
            RepositoryError: there is no repository, no model in it, or none that works.
            FaultError: none works, and the first fails on a plain image.
            ConfigError: a provider is named that is not there or does not start for any of them.
        """
        find_models(self.repository)
        start = AtStart()
        self._ledger.look(self._seen(), time.monotonic())
        for name in self._ledger.names:
            self._improve(name, start, at_once=True)
        if not start.sessions:
            raise start.failures[0][1]
        for file, error in start.failures:
            self._say_refused(file, error, "stands in for it")
        return start

    def look(self, served: Served) -> None:
        """Look once, and load what is better than what is served."""
        try:
            seen = list(self._seen())
        except (RepositoryError, OSError) as error:
            if self._readable:
                log.warning("what is served stays as it is: %s", error)
            self._readable = False
            return
        self._readable = True
        for name, version in self._ledger.look(seen, time.monotonic()):
            served.forget(name, version)
        for name in self._ledger.names:
            self._improve(name, served)
        for name in self._ledger.to_remove():
            log.warning("%s is gone from %s and is served no longer", name, self.repository)
            self._ledger.removed(name)
            del self._metadata[name]
            served.remove(name)

    def _improve(self, name: str, served: Served, *, at_once: bool = False) -> None:
        """Try one version after another until one works."""
        for one in self._ledger.to_try(name, at_once=at_once):
            served.loading(one.file)
            try:
                session = load(one.file, self._config, self._metadata.get(name))
            except Exception as error:  # whatever it is, what is served must go on
                self._ledger.failed(one)
                if not at_once:
                    self._say_refused(one.file, error, "goes on")
                served.refused(one.file, error)
                continue
            self._ledger.serves(one)
            self._metadata[name] = session.metadata
            served.put(session)
            return

    def _say_refused(self, file: ModelFile, error: Exception, there_is: str) -> None:
        other = self._ledger.served(file.name)
        fate = f"version {other.file.version} {there_is}" if other else "there is no other"
        unexpected = None if isinstance(error, ServeError) else error
        log.warning("%s version %s was refused, %s: %s", file.name, file.version, fate, error, exc_info=unexpected)

    def _seen(self) -> Iterator[Found]:
        for versions in list_versions(self.repository).values():
            for file in versions:
                if stamp := read_stamp(file.path):
                    yield Found(file, stamp)
