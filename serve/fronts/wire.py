"""Messages as bytes: small frames, the length of the body (4 bytes), its kind (1 byte) and the body, little-endian."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, fields
from typing import Any

from serve.catalogue import ModelState
from serve.errors import DeadlineError, FaultError, OverloadError, RequestError, ServeError, UnavailableError, Violation
from serve.fronts.messages import Cancel, Failed, Finished, Message, Offer, Offers, Release, Submit, Tally, Totals
from serve.fronts.plain import Plain

__all__ = ["WireError", "decoded", "encoded", "frames"]

LONGEST = 64 << 20  # bytes of a body: the metadata of very many models
HEADER = struct.Struct("<IB")
SUBMIT, CANCEL, RELEASE = struct.Struct("<QIdQ3I"), struct.Struct("<Q"), struct.Struct("<I")
FINISHED, FAILED = struct.Struct("<Qdd"), struct.Struct("<QBd")
ERRORS: tuple[type[ServeError], ...] = (FaultError, DeadlineError, UnavailableError, OverloadError, RequestError)


class WireError(Exception):
    """These bytes are no message."""


KINDS: tuple[type[Any], ...] = (Submit, Cancel, Release, Offers, Finished, Failed, Tally, Totals)


def encoded(message: Message) -> bytes:
    """Write a frame."""
    body: bytes = _WRITERS[type(message)](message)
    return HEADER.pack(len(body), KINDS.index(type(message))) + body


def frames(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Take the whole frames out of what has come in: kind and body of each; the rest stays.

    Raises:
        WireError: a frame is longer than any message.
    """
    found, first = list[tuple[int, bytes]](), 0
    while len(buffer) - first >= HEADER.size:
        length, kind = HEADER.unpack_from(buffer, first)
        if length > LONGEST:
            raise WireError(f"a frame of {length} bytes")
        last = first + HEADER.size + length
        if len(buffer) < last:
            break
        found.append((kind, bytes(buffer[first + HEADER.size : last])))
        first = last
    del buffer[:first]
    return found


def decoded(kind: int, body: bytes) -> Message:
    """Read a frame's body.

    Raises:
        WireError: it is no message of that kind.
    """
    try:
        message: Message = _READERS[KINDS[kind]](body)
        return message
    except (struct.error, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise WireError(f"kind {kind}: {error}") from error


def _write_submit(message: Submit) -> bytes:
    head = SUBMIT.pack(message.number, message.model, message.expires, message.offset, *message.size)
    return head + ",".join(message.outputs).encode()


def _read_submit(body: bytes) -> Submit:
    number, model, expires, offset, n, height, width = SUBMIT.unpack_from(body)
    outputs = tuple(body[SUBMIT.size :].decode().split(","))
    return Submit(number, model, expires, offset, (n, height, width), outputs)


def _write_failed(message: Failed) -> bytes:
    error = message.error
    kind = next((index for index, known in enumerate(ERRORS) if isinstance(error, known)), 0)
    return FAILED.pack(message.number, kind, getattr(error, "retry_after", 0.0)) + str(error).encode()


def _read_failed(body: bytes) -> Failed:
    number, kind, retry_after = FAILED.unpack_from(body)
    known, text = ERRORS[kind], body[FAILED.size :].decode()
    if known is OverloadError:
        return Failed(number, OverloadError(text, retry_after=retry_after))
    return Failed(number, RequestError(Violation("", text)) if known is RequestError else known(text))


def _write_offers(message: Offers) -> bytes:
    return json.dumps(asdict(message)).encode()


def _read_offers(body: bytes) -> Offers:
    read = json.loads(body)
    states = tuple(ModelState(**state) for state in read["states"])
    return Offers(tuple(Offer(**offer) for offer in read["offers"]), states)


def _by_number(read: Any) -> dict[int, Plain]:
    return {int(number): one for number, one in read.items()}


def _write_counts(message: Tally | Totals) -> bytes:
    return json.dumps([getattr(message, field.name) for field in fields(message)]).encode()


def _read_tally(body: bytes) -> Tally:
    models, requests = json.loads(body)
    return Tally(_by_number(models), requests)


def _read_totals(body: bytes) -> Totals:
    runs, requests = json.loads(body)
    return Totals(_by_number(runs), _by_number(requests))


_WRITERS: dict[type[Any], Any] = {
    Submit: _write_submit,
    Cancel: lambda message: CANCEL.pack(message.number),
    Release: lambda message: RELEASE.pack(message.model),
    Offers: _write_offers,
    Finished: lambda message: FINISHED.pack(message.number, message.queue, message.run),
    Failed: _write_failed,
    Tally: _write_counts,
    Totals: _write_counts,
}
_READERS: dict[type[Any], Any] = {
    Submit: _read_submit,
    Cancel: lambda body: Cancel(*CANCEL.unpack(body)),
    Release: lambda body: Release(*RELEASE.unpack(body)),
    Offers: _read_offers,
    Finished: lambda body: Finished(*FINISHED.unpack(body)),
    Failed: _read_failed,
    Tally: _read_tally,
    Totals: _read_totals,
}
