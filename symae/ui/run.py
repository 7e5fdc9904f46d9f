"""From options to a page: whom it calls, what it offers, and how long it stays."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from serve.calling.connect import connected
from serve.channel import Access
from symae.errors import DataError
from symae.neighbours.table import open_features
from symae.ui.backend import Backend
from symae.ui.download import Downloads
from symae.ui.nearest import Table
from symae.ui.page import Contents, build
from symae.ui.samples import samples_of
from symae.ui.serving import listener, opened

__all__ = ["Options", "of_use", "page_at", "run_until_stopped"]

R = TypeVar("R")
DEMO = Path("demo")  # where `symae demo` writes unless told otherwise
TEMP = "GRADIO_TEMP_DIR"  # where Gradio keeps uploads
WAKE = 0.5  # seconds between looks for a signal


@dataclass(frozen=True)
class Options:
    """What the page is to be.

    Attributes:
        models: a model repository to serve from this process; None: the demo's if it is here, else the shipped one.
        address: HOST:PORT of a server, in place of models.
        features: a table of features to look for neighbours in; None: the one beside the models, where there
            is one, as after symae demo.
        samples: a folder of pictures to offer; None: the folder scenes beside the models, likewise.
        host, port: where the page is; port 0 takes a free one.
        access: how the server is reached.
        scratch: a folder for uploads and results, which whoever made it takes away.
    """

    models: Path | None
    address: str | None
    features: Path | None
    samples: Path | None
    host: str
    port: int
    access: Access
    scratch: Path


@contextmanager
def page_at(options: Options, say: Callable[[str], None]) -> Iterator[str]:
    """Have the page, and its own server if there is no other, while the block runs; yields its URL.

    Raises:
        AddressError: the port is taken.
        SetupError, ServeError: as `serve.calling.connect.connected` raises them.
        DataError: the table or the folder of samples is not what it must be.
    """
    found = _with_demo(options)
    with ExitStack() as stack:
        stack.enter_context(_uploads_in(options.scratch))
        held = stack.enter_context(listener(found.host, found.port))  # what is wrong is said before models are loaded
        table = of_use(_table, options.features, found.features, say)
        samples = of_use(samples_of, options.samples, found.samples, say)
        client = stack.enter_context(connected("autoencoder", found.address, found.models, say, found.access))
        where = f"the server at {found.address}" if found.address else "this process"
        contents = Contents(Backend(client, where), samples, table, Downloads(found.scratch))
        yield stack.enter_context(opened(lambda: build(contents), held))


def run_until_stopped(options: Options, say: Callable[[str], None]) -> None:
    """Have the page until Ctrl-C or SIGTERM; what `page_at` raises."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it in the same way
    try:
        with page_at(options, say) as url:
            try:
                say(f"open {url} in a browser; Ctrl-C ends it")
                while True:  # a signal that another thread is given does not wake this one
                    time.sleep(WAKE)
            except KeyboardInterrupt:
                say("stopping")
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _uploads_in(folder: Path) -> Iterator[None]:
    """Have Gradio keep uploads in a folder, in place of one of all users that nobody empties."""
    before = os.environ.get(TEMP)
    os.environ[TEMP] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(TEMP)
        if before is not None:
            os.environ[TEMP] = before


def _table(path: Path | None) -> Table | None:
    return Table(open_features(path)) if path else None


def of_use(read: Callable[[Path | None], R], asked: Path | None, found: Path | None, say: Callable[[str], None]) -> R:
    """Read what was asked for, or what was found; do without where nobody asked and it is of no use."""
    try:
        return read(found)
    except DataError as error:
        if asked is not None:
            raise
        say(f"not used: {error}")
        return read(None)


def _with_demo(options: Options) -> Options:
    """Fill in the demo's models, pictures and table, where nothing else was asked for and they are there."""
    models = options.models
    if options.address is None and models is None and (DEMO / "models").is_dir():
        models = DEMO / "models"
    if models is None:
        return options
    table, scenes = models.parent / "features.parquet", models.parent / "scenes"
    return replace(
        options,
        models=models,
        features=options.features or (table if table.is_file() else None),
        samples=options.samples or (scenes if scenes.is_dir() else None),
    )
