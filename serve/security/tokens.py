"""Bearer tokens: who may call.

A file has one token a line; # at its beginning, or after a space, begins a comment. It is read again when it changes,
so tokens are rotated without a restart: add the new one, have the callers use it, take out the old one. Health and
reflection need none.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from serve.errors import ConfigError, UnauthenticatedError
from serve.files import signature
from serve.protocol.identity import REQUEST_ID, request_id
from serve.protocol.status import to_wire
from serve.protocol.ticket import Observer, Ticket

__all__ = ["TokenCheck", "Tokens"]

OPEN = ("/grpc.health.v1.Health/", "/grpc.reflection.")
_COMMENT = re.compile(r"(?:^|\s)#")
NEEDED = "needs metadata 'authorization: Bearer TOKEN' with a token that is valid here"
LOOK = 1.0  # seconds between two looks at the file
log = logging.getLogger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]


class Tokens:
    """The tokens of a file, as it is at the moment; only their digests are held.

    Args:
        path: of the file.

    Raises:
        ConfigError: it cannot be read, or has no token.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = signature(path)
        self._looked = time.monotonic()
        self._digests = _read(path)
        if not self._digests:
            raise ConfigError(f"{path} has no token: write one a line, of at least 1 character and without spaces")

    def accept(self, token: str) -> bool:
        """Tell whether it is one of them, in a time that says nothing of how much of it is right."""
        self._refresh()
        digest, found = _digest(token), False
        for known in self._digests:
            found |= hmac.compare_digest(digest, known)
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        seen = signature(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._digests = _read(self._path)
        except ConfigError as error:
            log.error("%s; the tokens that were read before stay valid", error)
        else:
            log.warning("%s has changed: %d tokens are valid now", self._path, len(self._digests))


class TokenCheck(grpc.aio.ServerInterceptor):
    """Lets no call in without a valid token, whatever its service; a refused one is not even read."""

    def __init__(self, tokens: Tokens, observers: Sequence[Observer] = ()) -> None:
        self._tokens = tokens
        self._observers = observers

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Give gRPC the call's own handler, or one that refuses it."""
        if details.method.startswith(OPEN) or self._tokens.accept(_bearer(details.invocation_metadata)):
            return await continuation(details)
        known = await continuation(details) is not None
        refuse: Any = self._refuse(details.method if known else "/unknown")
        return grpc.stream_stream_rpc_method_handler(refuse)  # fits every kind of call, as it reads nothing

    def _refuse(self, call: str) -> Callable[[Any, Context], Awaitable[None]]:
        async def refuse(_requests: Any, context: Context) -> None:
            ticket = Ticket(request_id(context.invocation_metadata()), call, time.monotonic())
            status = to_wire(UnauthenticatedError(NEEDED), ticket.id)
            for observer in self._observers:
                observer.ended(ticket, status.code, context)
            trailers: tuple[tuple[str, str | bytes], ...] = (*status.trailers, (REQUEST_ID, ticket.id))
            await context.abort(status.code, status.message, trailing_metadata=trailers)

        return refuse


def _bearer(metadata: Any) -> str:
    for key, value in metadata or ():
        if key == "authorization" and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the tokens {path}: {getattr(error, 'strerror', 'no UTF-8 text')}") from error
    tokens = [_COMMENT.split(line, maxsplit=1)[0].strip() for line in lines]
    if any(len(token.split()) > 1 for token in tokens):
        raise ConfigError(f"{path}: one token a line and no spaces in it; comments begin with #")
    return tuple(_digest(token) for token in tokens if token)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
