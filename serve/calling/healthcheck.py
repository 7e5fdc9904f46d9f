"""Ask a server for its health: what a container's health check runs, so it loads no runtime and takes no model."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2

from serve.channel import Access, health_stub, is_healthy, open_channel
from serve.errors import ModelNotFoundError, ServeError, UnavailableError
from serve.protocol.status import from_call

__all__ = ["check_health"]

KEEPALIVE = 60.0  # seconds; the one call is over by then


def check_health(address: str, service: str, access: Access) -> None:
    """Return if a server says that it serves.

    Args:
        address: HOST:PORT.
        service: "" for the process itself (liveness), "symae.v1.SymaeService" for calls (readiness), or a model's name.
        access: encryption, and how long to wait.

    Raises:
        UnavailableError: nobody answers in time, or the answer is no.
        ModelNotFoundError: the server has no service and no model of that name.
        ServeError: the call failed in another way.
    """
    with open_channel(grpc, address, access.tls, KEEPALIVE) as channel:
        try:
            answer = health_stub(channel)(health_pb2.HealthCheckRequest(service=service), timeout=access.timeout)
        except grpc.RpcError as error:
            raise _reason(error, address, service, access.timeout) from None
    if not is_healthy(answer):
        status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise UnavailableError(f"{service or 'the server'} at {address} says {status}: it is starting or draining")


def _reason(error: grpc.RpcError, address: str, service: str, timeout: float) -> ServeError:
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return UnavailableError(f"nobody answers at {address} within {timeout:g} s: is symae serve running there?")
    if error.code() is grpc.StatusCode.NOT_FOUND:
        return ModelNotFoundError(f"the server at {address} has no service or model {service!r}")
    return from_call(error)
