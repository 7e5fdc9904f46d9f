"""The address that a server listens on: whether it is free, and how several processes of ours hold it together."""

from __future__ import annotations

import errno
import os
import socket

from serve.errors import AddressError

__all__ = ["HeldAddress", "check_free"]

TRIES = 10  # to find a port that is free in both families of "localhost"


def check_free(address: str, remedy: str = "choose another --address") -> None:
    """Try the address with a plain socket: gRPC would say why only in a log of its own, and vaguely.

    Args:
        address: HOST:PORT.
        remedy: what to do where it is taken.

    Raises:
        AddressError: it is malformed, in use, or not this machine's.
    """
    failures: list[OSError] = []
    places = _places(address)
    for family, place in places:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
            except OSError as error:
                failures.append(error)
    taken = [error for error in failures if error.errno == errno.EADDRINUSE]
    if taken or len(failures) == len(places):  # one family of localhost may be missing, as IPv6 in containers
        raise _cannot(address, (taken or failures)[0], remedy)


class HeldAddress:
    """An address that is ours until `close`: processes of this user may listen on it with SO_REUSEPORT, at any time.

    That option alone would let a second server of the same user in as well, to get half of the callers: who listens
    must be a child of whoever holds it.

    Args:
        address: HOST:PORT; port 0 takes a free one.
        remedy: what to do where it is taken.

    Attributes:
        address: with the port that it has.

    Raises:
        AddressError: it is malformed, in use, or not this machine's.
    """

    def __init__(self, address: str, remedy: str = "choose another --address") -> None:
        check_free(address, remedy)
        self._sockets: list[socket.socket] = []
        host, _, port = address.rpartition(":")
        for _ in range(TRIES):
            try:
                number = self._bind(address, int(port) if port.isdigit() else 0)
                self._claim(f"{host}:{number}")
                break
            except OSError as error:
                self.close()
                if port != "0" or error.errno != errno.EADDRINUSE:
                    raise _cannot(address, error, remedy) from error
        else:
            raise AddressError(f"cannot listen on {address}: found no free port; choose one")
        self.address = f"{host}:{number}"

    def close(self) -> None:
        """Let it go."""
        for held in self._sockets:
            held.close()
        self._sockets.clear()

    def _bind(self, address: str, port: int) -> int:
        """Bind without listening, in each family that there is; returns the port."""
        failures: list[OSError] = []
        for family, place in _places(address):
            held = socket.socket(family, socket.SOCK_STREAM)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for connections of a server that has ended
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                held.bind((place[0], port, *place[2:]))
            except OSError as error:
                held.close()
                if error.errno == errno.EADDRINUSE:
                    raise
                failures.append(error)
                continue
            self._sockets.append(held)
            port = held.getsockname()[1]
        if not self._sockets:
            raise failures[0]
        return port

    def _claim(self, address: str) -> None:
        """Keep others like us out, whom SO_REUSEPORT lets in; the name is in no file system and dies with us."""
        claim = socket.socket(socket.AF_UNIX)
        self._sockets.append(claim)
        claim.bind(f"\0symae-{os.getuid()}-{address}")


def _places(address: str) -> list[tuple[int, tuple[str, int] | tuple[str, int, int, int]]]:
    host, _, port = address.rpartition(":")
    if port.isdigit() and int(port) > 0xFFFF:
        raise AddressError(f"cannot listen on {address!r}: ports end at 65535; expected HOST:PORT")
    try:
        found = socket.getaddrinfo(host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no name of a host"
        raise AddressError(f"cannot listen on {address!r}: {reason}; expected HOST:PORT") from error
    return [(family, place) for family, _, _, _, place in found]  # type: ignore[misc]


def _cannot(address: str, error: OSError, remedy: str) -> AddressError:
    return AddressError(f"cannot listen on {address}: {error.strerror}; {remedy}")
