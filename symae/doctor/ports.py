"""Whether a server can listen on an address."""

from __future__ import annotations

from collections.abc import Iterator

from symae.doctor.finding import Finding

__all__ = ["check_port"]

REMEDY = "stop what is there (ss -ltnp shows it), or give another: symae serve --address HOST:PORT"
PATIENCE = 2.0  # seconds that a server on a taken port may take to answer


def check_port(address: str) -> Iterator[Finding]:
    """Try to listen on HOST:PORT; where it is taken, ask whether a server of symae is there."""
    from serve.errors import AddressError
    from serve.protocol.address import check_free

    try:
        check_free(address, REMEDY)
    except AddressError as error:
        if _serves(address):
            yield Finding("ports", f"{address} is taken by a server of symae, which answers")
        else:
            what, _, remedy = str(error).partition("; ")
            yield Finding("ports", what, remedy)
    else:
        yield Finding("ports", f"{address} is free")


def _serves(address: str) -> bool:
    from serve.calling.healthcheck import check_health
    from serve.channel import SERVICE, Access
    from serve.errors import ServeError

    try:
        check_health(address, SERVICE, Access(timeout=PATIENCE))
    except ServeError:
        return False
    return True
