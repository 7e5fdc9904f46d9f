"""Whom a command calls: a server, models in this process, or, for want of either, the model that comes with symae."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from serve import image
from serve.channel import MAX_MESSAGE, Access
from serve.client import Client
from serve.config import ServeConfig
from serve.errors import JobError, UnavailableError
from serve.metadata import Kind
from serve.server import load_sessions, running
from serve.shipped import about_shipped, shipped_models

__all__ = ["AT_A_TIME", "connected"]

AT_A_TIME = 8  # calls
ANYHOW = Access()
NEEDED = "give --models with a model repository, or --address HOST:PORT of a server"


@contextmanager
def connected(
    kind: Kind, address: str | None, models: Path | None, say: Callable[[str], None], access: Access = ANYHOW
) -> Iterator[Client]:
    """Connect to a server, or serve a repository from this process for as long as it is needed.

    Args:
        kind: of the model that is to be called.
        address: HOST:PORT of a server.
        models: a model repository; with neither, the shipped one, which has an auto-encoder alone.
        say: called with a line about the shipped model if it is used.
        access: how the server is reached.

    Raises:
        JobError: both are given, or neither for another kind; or encryption without a server.
        ConfigError: a certificate cannot be read.
        RepositoryError: the repository is not there or damaged; or this symae was installed without a model.
        UnavailableError: nobody answers at the address.
    """
    if address is not None and models is not None:
        raise JobError("both --address and --models are given: give one of them")
    timeout = access.timeout
    if address is not None:
        with Client(address, timeout=timeout, tls=access.tls, token=access.token, patience=timeout) as client:
            _greet(client, address)
            yield client
        return
    if access.tls is not None:
        raise JobError("a certificate or --tls is given without the --address of a server")
    if models is None:
        models = _shipped(kind, say)
    config = _for_this_process(timeout)
    with (
        running(load_sessions(models, config), config) as own,
        Client(own, timeout=timeout, patience=timeout) as client,
    ):
        yield client


def _greet(client: Client, address: str) -> None:
    """Find out now, and once, whether anybody is there: calls themselves would try for seconds."""
    if not client.healthy():
        raise UnavailableError(f"nobody answers at {address}, or not yet: is symae serve running there?")


def _shipped(kind: Kind, say: Callable[[str], None]) -> Path:
    if kind != "autoencoder":
        raise JobError(f"the model that comes with symae only reconstructs, and this needs a {kind}: {NEEDED}")
    models = shipped_models()
    say(f"using {about_shipped()}")
    return models


def _for_this_process(timeout: float) -> ServeConfig:
    return ServeConfig(
        address="localhost:0",
        max_message_bytes=MAX_MESSAGE,
        max_image_pixels=image.MAX_PIXELS,
        queue_pixels=AT_A_TIME * image.MAX_PIXELS,
        default_deadline=timeout,
    )
