"""Bytes of a call -> its message, so that bytes which are none are the caller's fault: gRPC itself says INTERNAL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from serve.errors import RequestError, Violation

__all__ = ["checked", "message_of", "reader"]

NO_MESSAGE = "these bytes are not a message of this call"


def reader(kind: Any) -> Callable[[bytes], Any]:
    """Make a deserializer of a message class that gives the error where it would raise it."""
    parse = kind.FromString

    def read(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError as error:
            return error

    return read


def message_of(read: Any) -> Any:
    """Give what was read.

    Raises:
        RequestError: it was no message.
    """
    if isinstance(read, DecodeError):
        raise RequestError(Violation("", NO_MESSAGE))
    return read


async def checked(read: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
    """Give what was read, or end the call; for services whose errors have no details."""
    if isinstance(read, DecodeError):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, NO_MESSAGE)
    return read
