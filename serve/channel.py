"""How a client reaches a server: encryption, who calls, keepalive, and what is tried again.

UNAVAILABLE alone is tried again by gRPC itself, through the service config: the server refused before it began, or it
died, and these calls change nothing that a second one would change again. A full queue is tried again only by who has
`patience`, and at the time that the server names.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2

from serve.errors import ConfigError, OverloadError, ServeError, UnavailableError
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.protocol.status import from_call
from serve.security.pem import read_pem

__all__ = [
    "MAX_MESSAGE",
    "SERVICE",
    "SERVICE_CONFIG",
    "Access",
    "CallOptions",
    "Tls",
    "health_request",
    "health_stub",
    "is_healthy",
    "is_unhealthy",
    "open_channel",
]

MAX_MESSAGE = 512 << 20  # the largest image that `serve.image` reads, as RGB, is 300 MB
SERVICE: str = pb.DESCRIPTOR.services_by_name["SymaeService"].full_name
SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": SERVICE}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.2s",  # nine seconds in all: as long as a server takes to come again
                    "maxBackoff": "6s",
                    "backoffMultiplier": 3.5,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE),  # by default nothing above 256 KB is tried again
    # a restarted server is found within a second, where gRPC's own backoff grows to two minutes
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
JITTER = 0.5  # share of the named time by which callers who were refused together come back apart
PING_TIMEOUT = 20_000  # milliseconds
UNHEALTHY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True)
class Tls:
    """Encryption of a client's connection.

    Attributes:
        root: PEM file of the authorities that may have signed the server's certificate; None: those known to gRPC.
        certificate, key: PEM files by which the client shows who it is, where the server asks for that.
        server_name: the name in the server's certificate, where it is not the one in the address.
    """

    root: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("a client's certificate and its key go together: give both or neither")

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            ConfigError: one is missing, or holds no PEM.
        """
        root, key, certificate = (
            None if path is None else read_pem(path) for path in (self.root, self.key, self.certificate)
        )
        return grpc.ssl_channel_credentials(root, key, certificate)


@dataclass(frozen=True)
class Access:
    """How a command reaches a server.

    Attributes:
        tls: None: not encrypted.
        token: bearer token; empty: none.
        timeout: seconds for one call.
    """

    tls: Tls | None = None
    token: str = ""
    timeout: float = 600.0


@dataclass(frozen=True)
class CallOptions:
    """What goes with each call.

    Attributes:
        timeout: seconds for one attempt; None: the server's default deadline.
        token: bearer token; empty: none.
        request_id: under which the server logs the calls; empty: it makes one for each.
        patience: seconds within which a call that finds the queue full is made again.
    """

    timeout: float | None = None
    token: str = ""
    request_id: str = ""
    patience: float = 0.0

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What is sent beside the request."""
        pairs = (("authorization", self.token and f"Bearer {self.token}"), ("x-request-id", self.request_id))
        return tuple(pair for pair in pairs if pair[1])

    def pause(self, error: ServeError, left: float) -> float | None:
        """Tell after how many seconds to call again; None: not at all.

        Args:
            error: what the call ended with.
            left: seconds of the patience that are left.
        """
        after = error.retry_after if isinstance(error, OverloadError | UnavailableError) else 0.0
        if not after or after > left:
            return None
        return min(left, after * random.uniform(1, 1 + JITTER))


def open_channel(
    module: Any, address: str, tls: Tls | None, keepalive: float, *, retries: bool = True, own: bool = False
) -> Any:
    """Open a channel; it connects at the first call.

    Args:
        module: `grpc` or `grpc.aio`.
        address: HOST:PORT.
        tls: None: not encrypted.
        keepalive: seconds of silence in a call after which the server is asked whether it is there.
        retries: try again by itself what was unavailable.
        own: connect anew, where two channels to one address else share a connection.

    Raises:
        ConfigError: a file of `tls` is missing, or holds no PEM.
    """
    milliseconds = int(1000 * keepalive)
    options = [
        *OPTIONS,
        ("grpc.keepalive_time_ms", milliseconds),
        # how long it may take to answer; keepalive_timeout_ms alone changes nothing (tried with grpcio 1.85)
        ("grpc.keepalive_timeout_ms", min(PING_TIMEOUT, milliseconds)),
        ("grpc.http2.ping_timeout_ms", min(PING_TIMEOUT, milliseconds)),
        ("grpc.enable_retries", int(retries)),
        ("grpc.use_local_subchannel_pool", int(own)),
    ]
    if tls is None:
        return module.insecure_channel(address, options=options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return module.secure_channel(address, tls.credentials(), options=options)


def health_stub(channel: Any) -> Any:
    """Make the stub of the standard health check."""
    request, response = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    return channel.unary_unary("/grpc.health.v1.Health/Check", request.SerializeToString, response.FromString)


def health_request(model: str) -> health_pb2.HealthCheckRequest:
    """Ask for one model; with an empty name, for the whole service."""
    return health_pb2.HealthCheckRequest(service=model or SERVICE)


def is_healthy(answer: health_pb2.HealthCheckResponse) -> bool:
    """Read the answer."""
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def is_unhealthy(error: grpc.RpcError) -> bool:
    """Take a check that failed for the answer no.

    Raises:
        ServeError: it says nothing of the server's health, e.g. that a token is needed.
    """
    if error.code() not in UNHEALTHY:
        raise from_call(error) from None
    return True
