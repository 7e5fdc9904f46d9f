"""What a front and an owner say to each other: small frames, which mean arrays by where they lie in shared memory.

    front -> owner      Submit, Cancel, Release
    owner -> front      Offers, Finished, Failed

Every Submit gets one Finished or Failed, also after a Cancel: until then the owner may use its places.
A frame is the length of its body (4 bytes), its kind (1 byte) and the body, all little-endian.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any

from serve.catalogue import ModelState
from serve.errors import DeadlineError, FaultError, OverloadError, RequestError, ServeError, UnavailableError, Violation

__all__ = ["Cancel", "Failed", "Finished", "Message", "Offer", "Offers", "Release", "Submit", "WireError"]
__all__ += ["decoded", "encoded", "frames"]

LONGEST = 64 << 20  # bytes of a body: the metadata of very many models
HEADER = struct.Struct("<IB")
SUBMIT, CANCEL, RELEASE = struct.Struct("<QIdQ3I"), struct.Struct("<Q"), struct.Struct("<I")
FINISHED, FAILED = struct.Struct("<Qdd"), struct.Struct("<QBd")
ERRORS: tuple[type[ServeError], ...] = (FaultError, DeadlineError, UnavailableError, OverloadError, RequestError)


class WireError(Exception):
    """These bytes are no message."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Run a model.

    Attributes:
        number: by which it is answered; never used twice on a link.
        model: number of the offer.
        expires: `time.monotonic()`, which is the same clock in all processes of a machine.
        offset: where the block begins that holds its arrays, as `serve.fronts.layout` lays them.
        size: (n, H, W), the number of images and their size in pixels.
        outputs: names of what to compute.
    """

    number: int
    model: int
    expires: float
    offset: int
    size: tuple[int, int, int]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for the answer to this number any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Release:
    """An offer that was withdrawn is not used any more."""

    model: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer: the outputs are where they were wanted; with the seconds of waiting and running."""

    number: int
    queue: float
    run: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer: why there is none."""

    number: int
    error: ServeError


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that an owner runs.

    Attributes:
        number: by which it is meant; never used twice by an owner.
        slot: its place on the board.
        name, version, provider, run_pixels: as `serve.catalogue.Served` has them.
        metadata: the JSON of `serve.metadata.ModelMetadata`.
    """

    number: int
    slot: int
    name: str
    version: str
    provider: str
    run_pixels: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Offers:
    """All models that an owner runs now; what it offered before and is not among them is withdrawn.

    Attributes:
        offers: the models.
        states: of all versions that the owner knows of.
    """

    offers: tuple[Offer, ...]
    states: tuple[ModelState, ...] = ()


Message = Submit | Cancel | Release | Offers | Finished | Failed
KINDS: tuple[type[Any], ...] = (Submit, Cancel, Release, Offers, Finished, Failed)


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
    except (struct.error, ValueError, TypeError, KeyError, IndexError) as error:
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


_WRITERS: dict[type[Any], Any] = {
    Submit: _write_submit,
    Cancel: lambda message: CANCEL.pack(message.number),
    Release: lambda message: RELEASE.pack(message.model),
    Offers: _write_offers,
    Finished: lambda message: FINISHED.pack(message.number, message.queue, message.run),
    Failed: _write_failed,
}
_READERS: dict[type[Any], Any] = {
    Submit: _read_submit,
    Cancel: lambda body: Cancel(*CANCEL.unpack(body)),
    Release: lambda body: Release(*RELEASE.unpack(body)),
    Offers: _read_offers,
    Finished: lambda body: Finished(*FINISHED.unpack(body)),
    Failed: _read_failed,
}
