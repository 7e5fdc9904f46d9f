import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from serve.errors import AddressError
from serve.protocol.address import HeldAddress, check_free


@contextmanager
def listening(address, *options):
    """A context that listens."""
    host, _, port = address.rpartition(":")
    with socket.socket() as sock:
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind((host, int(port)))
        sock.listen()
        yield


@pytest.fixture
def held():
    address = HeldAddress("127.0.0.1:0")
    yield address.address
    address.close()


def test_several_may_listen_and_nobody_else(held):
    ours = (socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    with listening(held, *ours), listening(held, *ours):
        with pytest.raises(AddressError, match="Address already in use"):
            check_free(held)
        with pytest.raises(AddressError, match="Address already in use"):
            HeldAddress(held)
    with pytest.raises(OSError, match="Address already in use"), listening(held):
        pass


def test_a_server_of_others_that_shares_its_port_is_seen():
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(AddressError, match="Address already in use"):
            HeldAddress(f"127.0.0.1:{other.getsockname()[1]}")


def test_nobody_else_can_hold_it_before_anybody_listens(held):
    code = f"from serve.protocol.address import HeldAddress; HeldAddress({held!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert f"AddressError: cannot listen on {held}: Address already in use" in done.stderr


def test_it_is_free_again_afterwards():
    first = HeldAddress("127.0.0.1:0")
    first.close()
    again = HeldAddress(first.address)
    again.close()
    check_free(first.address)


def test_a_port_is_the_same_in_both_families():
    held = HeldAddress("localhost:0")
    port = int(held.address.rpartition(":")[2])
    assert port
    for family, *_ in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
        with socket.socket(family) as other, pytest.raises(OSError, match=r"in use|not available"):
            other.bind(("localhost", port))
    held.close()


def test_connections_of_a_server_that_has_ended_do_not_matter():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with socket.create_connection(server.getsockname()) as client:
            server.accept()[0].close()  # this side closes first, and keeps the port for a while
            client.recv(1)
    HeldAddress(address).close()


def test_a_strange_address():
    for address in ("nowhere.invalid:1", "localhost", "localhost:http!", "127.0.0.1:99999999"):
        with pytest.raises(AddressError, match="cannot listen on"):
            HeldAddress(address)


def test_what_is_no_name_of_a_host_is_said():
    with pytest.raises(AddressError, match="no name of a host; expected HOST:PORT"):
        check_free("a..b:50051")
