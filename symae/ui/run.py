"""From options to a page: whom it calls, what it offers, and how long it stays."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from serve.calling.connect import connected
from serve.channel import Access
from symae.neighbours.table import open_features
from symae.ui.backend import Backend
from symae.ui.download import Downloads
from symae.ui.nearest import Table
from symae.ui.page import Contents, build
from symae.ui.samples import samples_of
from symae.ui.serving import listener, opened

__all__ = ["Options", "page_at", "run_until_stopped"]

DEMO = Path("demo")  # where `symae demo` writes unless told otherwise


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
    os.environ["GRADIO_TEMP_DIR"] = str(options.scratch)  # in place of a folder of all users that nobody empties
    found = _with_demo(options)
    with ExitStack() as stack:
        held = stack.enter_context(listener(found.host, found.port))  # what is wrong is said before models are loaded
        table = Table(open_features(found.features)) if found.features else None
        samples = samples_of(found.samples)
        client = stack.enter_context(connected("autoencoder", found.address, found.models, say, found.access))
        where = f"the server at {found.address}" if found.address else "this process"
        contents = Contents(Backend(client, where), samples, table, Downloads(found.scratch))
        yield stack.enter_context(opened(lambda: build(contents), held))


def run_until_stopped(options: Options, say: Callable[[str], None]) -> None:
    """Have the page until Ctrl-C or SIGTERM; what `page_at` raises."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it in the same way
    try:
        with page_at(options, say) as url:
            say(f"open {url} in a browser; Ctrl-C ends it")
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                say("stopping")
    finally:
        signal.signal(signal.SIGTERM, before)


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
