"""How gRPC listens: who may connect and call, how long connections live, and which options that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from serve.config import ServeConfig
from serve.protocol.ticket import Observer
from serve.security.tls import TlsFiles, server_credentials
from serve.security.tokens import TokenCheck, Tokens

__all__ = ["Listener"]

FOREVER = 2**31 - 1  # milliseconds, as gRPC writes it


@dataclass(frozen=True)
class Listener:
    """What a gRPC server is made with.

    Attributes:
        credentials: of its port; None: nothing is encrypted.
        interceptors: what every call goes through.
        options: of gRPC.
    """

    credentials: grpc.ServerCredentials | None
    interceptors: tuple[grpc.aio.ServerInterceptor, ...]
    options: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, config: ServeConfig, observers: Sequence[Observer] = ()) -> Listener:
        """Read the certificates and tokens that a configuration names.

        Args:
            config: names them.
            observers: who wants to know of calls that are refused.

        Raises:
            ConfigError: a file is missing or not what it must be.
        """
        credentials = None
        if config.tls_certificate:
            client_ca = Path(config.tls_client_ca) if config.tls_client_ca else None
            credentials = server_credentials(TlsFiles(Path(config.tls_certificate), Path(config.tls_key), client_ca))
        interceptors = (TokenCheck(Tokens(Path(config.tokens)), observers),) if config.tokens else ()
        return cls(credentials, interceptors, _options(config))

    def server(self, *, held: bool = False) -> grpc.aio.Server:
        """Make the server.

        Args:
            held: the address is held for it and others, which all listen on it; see `serve.protocol.address`.
        """
        # unless somebody holds the port, a second server on a taken one would start, and get half the callers
        options = (*self.options, ("grpc.so_reuseport", int(held)))
        return grpc.aio.server(options=options, interceptors=self.interceptors)

    def listen(self, server: grpc.aio.Server, address: str) -> int:
        """Open its port; returns the number.

        Raises:
            RuntimeError: gRPC cannot listen there.
        """
        if self.credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, self.credentials)


def _options(config: ServeConfig) -> tuple[tuple[str, Any], ...]:
    return (
        ("grpc.max_receive_message_length", config.max_message_bytes),
        ("grpc.max_send_message_length", config.max_message_bytes),
        ("grpc.max_concurrent_streams", config.connection_calls),
        ("grpc.http.overload_protection", 0),  # which refuses at random before there are that many
        ("grpc.server.max_pending_requests", config.pending_calls),
        ("grpc.server.max_pending_requests_hard_limit", config.pending_calls + config.pending_calls // 4 + 1),
        ("grpc.keepalive_time_ms", _milliseconds(config.keepalive_time)),
        ("grpc.keepalive_timeout_ms", _milliseconds(config.keepalive_timeout)),
        ("grpc.http2.ping_timeout_ms", _milliseconds(config.keepalive_timeout)),  # the one that counts in grpcio 1.85
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.max_connection_age_ms", _milliseconds(config.max_connection_age)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(config.max_connection_age_grace)),
        ("grpc.max_connection_idle_ms", _milliseconds(config.max_connection_idle)),
    )


def _milliseconds(seconds: float) -> int:
    return min(FOREVER, int(1000 * seconds)) or FOREVER
