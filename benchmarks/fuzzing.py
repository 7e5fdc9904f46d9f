"""Throw samples at every call of a server, several callers at a time, and count what comes back."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from benchmarks.mutation import sample
from serve import pictures
from serve.calling.requests import classify_request, embed_request, reconstruct_request, segment_request
from serve.calling.results import ModelInfo
from serve.client import Client
from serve.errors import ServeError
from serve.pb.inference import inference_pb2 as open_pb
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.protocol.status import FAULT

__all__ = ["FORBIDDEN", "Finding", "Found", "fuzz"]

# What a caller's bytes must never bring about: a fault of the server, or its end.
FORBIDDEN = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DATA_LOSS", "ABORTED", "CANCELLED"})
PATIENCE, WATCHING = 10.0, 0.05  # seconds for a call, and for one that the server never ends
KEPT = 5  # findings that are shown


@dataclass(frozen=True)
class Finding:
    """A request that was answered as no request may be."""

    method: str
    status: str
    details: str
    messages: Sequence[bytes]


@dataclass
class Found:
    """What came back.

    Attributes:
        counts: (method, status) -> calls.
        findings: the first that may not be.
        alive: a good call was answered after each round.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    alive: bool = True

    @property
    def bad(self) -> int:
        """How many answers may not be."""
        return sum(count for (_, status), count in self.counts.items() if status in FORBIDDEN)


@dataclass(frozen=True)
class _Method:
    path: str
    takes: Any
    streams_in: bool
    streams_out: bool


def fuzz(address: str, seconds: float, seed: int, callers: int, say: Callable[[Found], None]) -> Found:
    """Call everything that a server offers by reflection with samples until the time is over.

    Args:
        address: HOST:PORT.
        seconds: for how long.
        seed: of the samples.
        callers: threads, each with a connection.
        say: called every few seconds.

    Raises:
        UnavailableError: nobody answers at the address.
    """
    with Client(address, timeout=PATIENCE) as client:
        models = client.models()
        found, ends, lock = Found(), time.monotonic() + seconds, threading.Lock()
        threads = [
            threading.Thread(target=_call_until, args=(address, models, random.Random(seed + i), ends, found, lock))
            for i in range(callers)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(min(2.0, max(0.05, ends - time.monotonic())))
            found.alive &= _alive(client, models)
            say(found)
        found.alive &= _alive(client, models)
    return found


def _call_until(
    address: str, models: Sequence[ModelInfo], rng: random.Random, ends: float, found: Found, lock: threading.Lock
) -> None:
    seeds, words = _seeds(models), [model.name for model in models]
    with grpc.insecure_channel(address) as channel:
        methods = list(_methods(channel))
        while time.monotonic() < ends:
            method = rng.choice(methods)
            good = seeds.get(method.takes.full_name, ())
            count = rng.choice((0, 1, 1, 2, 5)) if method.streams_in else 1
            messages = [sample(method.takes, good, words, rng) for _ in range(count)]
            status, details = _call(channel, method, messages)
            with lock:
                found.counts[method.path, status] += 1
                if status in FORBIDDEN and len(found.findings) < KEPT:
                    found.findings.append(Finding(method.path, status, details, messages))


def _methods(channel: grpc.Channel) -> Iterator[_Method]:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    for service in database.get_services():
        for method in pool.FindServiceByName(service).methods:
            path = f"/{service}/{method.name}"
            yield _Method(path, method.input_type, method.client_streaming, method.server_streaming)


def _call(channel: grpc.Channel, method: _Method, messages: Sequence[bytes]) -> tuple[str, str]:
    endless = method.streams_out and not method.streams_in
    try:
        if method.streams_in:
            for answer in channel.stream_stream(method.path)(iter(messages), timeout=PATIENCE):
                if FAULT.encode() in answer:  # a stream may tell errors as messages
                    return "INTERNAL", "told within the stream"
        elif method.streams_out:
            for _ in channel.unary_stream(method.path)(messages[0], timeout=WATCHING):
                pass
        else:
            channel.unary_unary(method.path)(messages[0], timeout=PATIENCE)
    except grpc.RpcError as error:
        watched = endless and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        return ("OK" if watched else error.code().name), error.details() or ""
    return "OK", ""


def _seeds(models: Sequence[ModelInfo]) -> Mapping[str, list[bytes]]:
    """Make good requests by the full name of their message."""
    seeds: dict[str, list[bytes]] = {}
    for model in models:
        image = np.full((6, 5, model.channels), 90, np.uint8)
        encoded = pictures.to_pictures([image], pb.ENCODING_PNG)[0].encoded
        requests: list[Any] = [_request(model, source) for source in (image, encoded)]
        requests += [getattr(pb, f"Stream{type(request).__name__}")(request=request) for request in requests]
        requests += [_tensor(model, [1, *image.shape], "UINT8", image.tobytes())]
        requests += [_tensor(model, [1], "BYTES", len(encoded).to_bytes(4, "little") + encoded)]
        for request in requests:
            seeds.setdefault(request.DESCRIPTOR.full_name, []).append(request.SerializeToString())
    return seeds


def _request(model: ModelInfo, source: Any) -> Any:
    if model.kind == "autoencoder":
        return reconstruct_request([source], masks=[np.eye(6, 5) > 0], keep_known=True, model=model.name)
    if model.kind == "encoder":
        return embed_request([source], model=model.name, feature_maps=True)
    if model.kind == "classifier":
        return classify_request([source], model=model.name, top_k=2)
    return segment_request([source], model=model.name, probabilities=True)


def _tensor(model: ModelInfo, shape: Sequence[int], datatype: str, data: bytes) -> Any:
    request = open_pb.ModelInferRequest(model_name=model.name, id="seed", raw_input_contents=[data])
    request.inputs.add(name="image", datatype=datatype, shape=shape)
    request.parameters["timeout"].int64_param = 5_000_000
    return request


def _alive(client: Client, models: Sequence[ModelInfo]) -> bool:
    try:
        return [model.name for model in client.models()] == [model.name for model in models]
    except ServeError:
        return False
