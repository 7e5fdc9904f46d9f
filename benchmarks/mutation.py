"""Bytes that may or may not be a message: random ones, messages of random fields, and messages with bytes changed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message_factory import GetMessageClass

__all__ = ["mutated", "random_message", "sample"]

DEEPEST = 5  # messages within messages
WHOLE = (0, 1, 2, 3, 64, 255, 256, 1 << 16, (1 << 31) - 1)  # numbers that have been somebody's limit
WIDE = (*WHOLE, 1 << 31, (1 << 32) - 1)
SIGNED = (*WHOLE, -1, -2, -(1 << 31))
LONG = (*SIGNED, 1 << 32, 1 << 40, (1 << 63) - 1, -(1 << 63))
REAL = (0.0, -1.0, 1e-45, 3e38, float("inf"), float("nan"))
TEXT = ("", "image", "mask", "embedding", "UINT8", "BYTES", "FP32", "timeout", "keep_size", "../..", "\0", "x" * 5000)
VALUES: dict[int, Sequence[Any]] = {
    Field.CPPTYPE_INT32: SIGNED,
    Field.CPPTYPE_INT64: LONG,
    Field.CPPTYPE_UINT32: WIDE,
    Field.CPPTYPE_UINT64: (*WIDE, 1 << 40, (1 << 64) - 1),
    Field.CPPTYPE_DOUBLE: REAL,
    Field.CPPTYPE_FLOAT: REAL,
    Field.CPPTYPE_BOOL: (False, True),
}


def sample(descriptor: Any, seeds: Sequence[bytes], words: Sequence[str], rng: random.Random) -> bytes:
    """Make the bytes of one request.

    Args:
        descriptor: of the message that is expected.
        seeds: requests that are good.
        words: texts that mean something to the server, such as names of models.
        rng: source of randomness; the same state gives the same bytes.
    """
    kind = rng.random()
    if kind < 0.15:
        return rng.randbytes(rng.choice((0, 1, 2, 7, 60, 400, 5000)))
    if kind < 0.3 and seeds:
        return rng.choice(seeds)
    if kind < 0.6 and seeds:
        return mutated(rng.choice(seeds), rng)
    data = random_message(descriptor, words, rng)
    return data if kind < 0.9 else mutated(data, rng)


def random_message(descriptor: Any, words: Sequence[str], rng: random.Random) -> bytes:
    """Fill some fields of a message, deep down, with values that are likely to be some limit."""
    message = GetMessageClass(descriptor)()
    _fill(message, words, rng, 0)
    data: bytes = message.SerializeToString()
    return data


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Change a message in one to four places."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(data))
        stop = min(len(data), start + rng.choice((1, 1, 2, 4, 16, 200)))
        data = data[:start] + rng.choice(CHANGES)(data[start:stop], rng) + data[stop:]
    return data


CHANGES: Sequence[Callable[[bytes, random.Random], bytes]] = (
    lambda part, rng: bytes(byte ^ 1 << rng.randrange(8) for byte in part),
    lambda part, rng: rng.randbytes(len(part)),
    lambda part, rng: b"",  # noqa: ARG005
    lambda part, rng: part * rng.choice((2, 3, 50)),
    lambda part, rng: b"\xff" * rng.choice((1, 4, 9)) + part,
    lambda part, rng: part + rng.randbytes(rng.choice((1, 4, 40))),
)


def _fill(message: Any, words: Sequence[str], rng: random.Random, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.5:
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            _fill_map(getattr(message, field.name), field.message_type, words, rng, depth)
        elif field.message_type:
            if depth < DEEPEST:
                for part in _parts(message, field, rng):
                    _fill(part, words, rng, depth + 1)
        elif field.is_repeated:
            count = rng.choice((0, 1, 2, 3, 4, 5, 100))
            getattr(message, field.name).extend(_value(field, words, rng) for _ in range(count))
        else:
            setattr(message, field.name, _value(field, words, rng))


def _parts(message: Any, field: Any, rng: random.Random) -> list[Any]:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [value.add() for _ in range(rng.choice((0, 1, 1, 2, 3, 40)))]
    value.SetInParent()
    return [value]


def _fill_map(values: Any, entry: Any, words: Sequence[str], rng: random.Random, depth: int) -> None:
    key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for _ in range(rng.choice((0, 1, 2, 100))):
        name = _value(key, words, rng)
        if value.message_type:
            _fill(values[name], words, rng, depth + 1)
        else:
            values[name] = _value(value, words, rng)


def _value(field: Any, words: Sequence[str], rng: random.Random) -> Any:
    if field.type == Field.TYPE_BYTES:
        return rng.randbytes(rng.choice((0, 1, 3, 12, 48, 400)))
    if field.type == Field.TYPE_STRING:
        return rng.choice((*TEXT, *words, *words))
    if field.type == Field.TYPE_ENUM:
        return rng.choice((-1, 99, *(value.number for value in field.enum_type.values)))
    return rng.choice(VALUES[field.cpp_type])
