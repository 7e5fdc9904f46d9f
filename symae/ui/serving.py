"""The page over HTTP: its port, its start and its end, and a header that has it load nothing from elsewhere."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import fastapi
import gradio as gr
import uvicorn
from gradio import processing_utils
from gradio.exceptions import InvalidPathError

from serve.errors import AddressError
from serve.protocol.address import check_free
from symae.errors import FailureError
from symae.ui.page import CSS, theme

__all__ = ["listener", "opened"]

LARGEST_FILE = "256mb"
ANY = ("0.0.0.0", "::")  # all interfaces of this machine
GOODBYE = 2  # seconds that open connections get at the end: each open page holds one for as long as it is open
ELSEWHERE = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)
RELAYS = re.compile("/(proxy=|file[=/]https?:)", re.IGNORECASE)  # Gradio's routes that fetch from anywhere

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


def listener(host: str, port: int) -> socket.socket:
    """Take a port, 0 for a free one.

    Raises:
        AddressError: it is in use, or not this machine's.
    """
    remedy = "choose another with --port, or --port 0 for a free one"
    check_free(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", remedy)
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise AddressError(f"cannot listen on {host}:{port}: {error.strerror}; {remedy}") from error


@contextmanager
def opened(build: Callable[[], gr.Blocks], held: socket.socket) -> Iterator[str]:
    """Serve a page from a thread of this process while the block runs.

    Args:
        build: lays the page out.
        held: where to listen; closed at the end.

    Yields:
        Its URL.

    Raises:
        FailureError: it did not start.
    """
    app = asyncio.run(_app(build))
    config = uvicorn.Config(_Alone(app), log_level="error", timeout_graceful_shutdown=GOODBYE)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [held]}, name="page", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise FailureError("the page did not start: the lines above say why")
        thread.join(0.02)
    host, port = held.getsockname()[:2]
    name = "localhost" if host in ANY else f"[{host}]" if ":" in host else host
    try:
        with _nothing_fetched():
            yield f"http://{name}:{port}"
    finally:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what is cut off now is so on purpose
        server.should_exit = True
        thread.join()


async def _app(build: Callable[[], gr.Blocks]) -> fastapi.FastAPI:
    """Make the application inside of an event loop: where there is none, Gradio makes loops and never closes them."""
    page = build().queue(default_concurrency_limit=4)
    page.has_launched = True  # as launch() says; Gradio 6.31 lets visitors name any file of the machine until then
    app: fastapi.FastAPI = gr.mount_gradio_app(
        fastapi.FastAPI(),
        page,
        "/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=LARGEST_FILE,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=CSS,
    )
    return app


@contextmanager
def _nothing_fetched() -> Iterator[None]:
    """Keep Gradio from fetching what a visitor names by a URL where a file belongs, which it does for any input."""

    async def refused(url: str) -> Any:
        raise InvalidPathError(f"nothing is loaded from elsewhere: {url[:100]}")

    before = processing_utils.async_ssrf_protected_get
    processing_utils.async_ssrf_protected_get = refused
    try:
        yield
    finally:
        processing_utils.async_ssrf_protected_get = before


class _Alone:
    """An ASGI application that fetches nothing from another host, and whose pages may not either."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        if RELAYS.search(scope.get("path", "")):
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body"})
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = (b"content-security-policy", ELSEWHERE.encode()), (b"referrer-policy", b"no-referrer")
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        await self._app(scope, receive, headed)
