"""How long connections live, over the wire."""

import contextlib
import socket
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serve.config import ServeConfig
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.server import load_sessions, running

LIST = "/symae.v1.SymaeService/ListModels"
REQUEST = pb.ListModelsRequest()


@pytest.fixture
def serving(repository):
    def start(**changes):
        config = ServeConfig(**{"address": "localhost:0", "threads": 1, "grace": 5} | changes)
        return running(load_sessions(repository / "toy-encoder", config), config)

    return start


def closed_after(address, limit):
    """Seconds until the server closes a connection on which calls are made; None: it does not."""
    closed = threading.Event()
    with grpc.insecure_channel(address) as channel:
        call, states = channel.unary_unary(LIST), []

        def look(state):
            states.append(state)
            if state is grpc.ChannelConnectivity.IDLE and grpc.ChannelConnectivity.READY in states:
                closed.set()

        call(REQUEST.SerializeToString(), timeout=5)
        channel.subscribe(look)
        started = time.monotonic()
        return time.monotonic() - started if closed.wait(limit) else None


def test_connections_end_when_they_are_old_or_idle_and_else_do_not(serving):
    with serving(max_connection_age=0.5) as old, serving(max_connection_idle=0.5) as idle, serving() as other:
        assert 0.3 < closed_after(old, 5) < 3
        assert 0.3 < closed_after(idle, 5) < 3
        assert closed_after(other, 1.5) is None


def test_calls_go_on_while_connections_age(serving):
    with serving(max_connection_age=0.2) as address, grpc.insecure_channel(address) as channel:
        call, ends = channel.unary_unary(LIST), time.monotonic() + 1.5
        while time.monotonic() < ends:
            assert pb.ListModelsResponse.FromString(call(REQUEST.SerializeToString(), timeout=5)).models


class Relay:
    """Between a caller and a server; can fall silent in the caller's direction, as a network that breaks does."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._socket, self._server = socket.create_server(("localhost", 0)), (host, int(port))
        self.address = f"localhost:{self._socket.getsockname()[1]}"
        self.silent, self.hung_up = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._carry)
        self.thread.start()

    def _carry(self):
        with self._socket, self._socket.accept()[0] as caller, socket.create_connection(self._server) as server:
            back = threading.Thread(target=self._back, args=(server, caller))
            back.start()
            with contextlib.suppress(OSError):
                while data := caller.recv(65536):
                    if not self.silent.is_set():
                        server.sendall(data)
                server.shutdown(socket.SHUT_RDWR)
            back.join()

    def _back(self, server, caller):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                caller.sendall(data)
        self.hung_up.set()


@pytest.mark.parametrize(("seconds", "given_up"), [(0.5, True), (60, False)])
def test_a_caller_that_answers_no_ping_is_given_up(serving, seconds, given_up):
    with serving(keepalive_time=seconds, keepalive_timeout=0.5) as address:
        relay = Relay(address)
        with grpc.insecure_channel(relay.address) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            next(watch)
            assert not relay.hung_up.wait(1.5)  # who answers is left alone
            relay.silent.set()
            assert relay.hung_up.wait(5 if given_up else 1.5) is given_up
        relay.thread.join()
