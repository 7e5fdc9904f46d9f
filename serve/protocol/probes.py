"""A port for health alone, beside the one for calls.

A probe gets through here while calls flood the other port, where gRPC drops what is beyond `pending_calls` whatever it
asks; and it needs no TLS, which the kubelet's own gRPC probes do not speak.
"""

from __future__ import annotations

import grpc.aio

from serve.errors import AddressError
from serve.protocol.address import check_free
from serve.protocol.health import Health

__all__ = ["REMEDY", "HealthPort"]

REMEDY = "choose another --health-address"


class HealthPort:
    """Answers health and nothing else.

    Args:
        health: who serves.
        address: HOST:PORT; port 0 takes a free one.
        held: the address is held for this process and others, which all listen on it; see `serve.protocol.address`.

    Attributes:
        address: as bound, after `start`.
    """

    def __init__(self, health: Health, address: str, *, held: bool = False) -> None:
        self.address = address
        self._held = held
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", int(held)),))
        self._server.add_generic_rpc_handlers((health.handler(),))

    async def start(self) -> None:
        """Listen.

        Raises:
            AddressError: the address is malformed, in use, or not this machine's.
        """
        if not self._held:
            check_free(self.address, REMEDY)
        try:
            port = self._server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise AddressError(f"cannot listen on {self.address}: {REMEDY}") from error
        self.address = f"{self.address.rpartition(':')[0]}:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._server.stop(0)
