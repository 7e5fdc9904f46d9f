"""Errors over the wire: the one place where an error becomes a gRPC status, and back.

The details are the standard messages of google.rpc, so that clients of any language read them with
their own libraries. `grpcio-status` is not needed for that: the details are one metadata entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from serve.errors import (
    CallError,
    DeadlineError,
    FaultError,
    ModelNotFoundError,
    OverloadError,
    RequestError,
    ServeError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedError,
    Violation,
)

__all__ = ["FAULT", "WireStatus", "from_call", "to_wire"]

DETAILS = "grpc-status-details-bin"
DOMAIN = "symae"
FAULT = "the server failed on this request; its log has the cause"
FLOOD = 0.5  # seconds until trying again may help when the server had no time to say so
MAX_VIOLATIONS = 4  # headers beyond a few KB are refused by proxies
MAX_TEXT = 200

_PLAIN: dict[grpc.StatusCode, type[ServeError]] = {
    cls.code: cls
    for cls in (
        ModelNotFoundError,
        UnauthenticatedError,
        UnsupportedError,
        DeadlineError,
        UnavailableError,
        FaultError,
    )
}


@dataclass(frozen=True)
class WireStatus:
    """What a call is ended with: the arguments of gRPC's `abort`."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, bytes], ...]


def to_wire(error: BaseException, request_id: str) -> WireStatus:
    """Translate an error; whatever is not a `ServeError` of the wire becomes INTERNAL and one fixed sentence.

    Args:
        error: what the handler raised.
        request_id: under which the server's log has the cause.
    """
    known = isinstance(error, ServeError) and error.code is not grpc.StatusCode.INTERNAL
    code = error.code if isinstance(error, ServeError) else grpc.StatusCode.INTERNAL
    message = _short(str(error)) if known else FAULT
    reason = error.reason if isinstance(error, ServeError) else ServeError.reason
    details: list[Message] = [ErrorInfo(reason=reason, domain=DOMAIN)]
    if isinstance(error, RequestError):
        details.append(BadRequest(field_violations=[_violation(v) for v in error.violations[:MAX_VIOLATIONS]]))
    if isinstance(error, OverloadError):
        delay = Duration()
        delay.FromMilliseconds(max(1, int(error.retry_after * 1000)))
        details.append(RetryInfo(retry_delay=delay))
    details.append(RequestInfo(request_id=request_id))
    status = Status(code=code.value[0], message=message, details=[_pack(detail) for detail in details])
    return WireStatus(code, message, ((DETAILS, status.SerializeToString()),))


def from_call(error: grpc.RpcError) -> ServeError:
    """Translate what a gRPC call raised into the class that the server raised."""
    code, message = error.code(), error.details() or ""
    details = _details(error)
    if code is grpc.StatusCode.INVALID_ARGUMENT and (bad := BadRequest()) and _unpack(details, bad):
        return RequestError(*(Violation(v.field, v.description) for v in bad.field_violations))
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (retry := RetryInfo()) and _unpack(details, retry):
        return OverloadError(message, retry_after=retry.retry_delay.ToMilliseconds() / 1000)
    if code is grpc.StatusCode.INTERNAL and (info := RequestInfo()) and _unpack(details, info):
        return FaultError(f"{message} (request {info.request_id})")
    if code is grpc.StatusCode.CANCELLED:  # not by us: a cancelled call does not return
        dropped = UnavailableError("the server dropped the call unread: it is flooded, or it stops")
        dropped.retry_after = FLOOD
        return dropped
    if code in _PLAIN:
        return _PLAIN[code](_first_line(message))
    return CallError(f"{code.name}: {_first_line(message)}", code=code)


def _violation(violation: Violation) -> BadRequest.FieldViolation:
    return BadRequest.FieldViolation(field=violation.field, description=_short(violation.description))


def _short(text: str) -> str:
    line = _first_line(text)
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3] + "..."


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def _pack(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _details(error: grpc.RpcError) -> Status:
    status = Status()
    trailers: Any = error.trailing_metadata()
    for key, value in trailers or ():
        if key == DETAILS and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                return Status()
    return status


def _unpack(status: Status, into: Message) -> bool:
    return any(detail.Unpack(into) for detail in status.details)
