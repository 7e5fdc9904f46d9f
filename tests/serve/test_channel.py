"""Encryption, tokens, request ids, health, what is tried again: against plain gRPC servers that see what arrives."""

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serve import errors
from serve.channel import SERVICE, CallOptions, Tls
from serve.client import AsyncClient, Client
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.protocol.status import to_wire

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


HEALTHY = ((SERVICE, health_pb2.HealthCheckResponse.SERVING),)


class Server(grpc.GenericRpcHandler):
    """Answers ListModels; fails with what stands in `failures` first, and keeps what the callers sent along."""

    def __init__(self):
        self.failures, self.seen = [], []

    def service(self, details):
        if details.method != f"/{SERVICE}/ListModels":
            return None
        return grpc.unary_unary_rpc_method_handler(self.answer, lambda data: data, lambda message: message)

    def answer(self, request, context):
        self.seen.append(dict(context.invocation_metadata()) | {"left": context.time_remaining()})
        if self.failures:
            status = to_wire(self.failures.pop(0), "id")
            context.set_trailing_metadata(status.trailers)
            context.abort(status.code, status.message)
        return pb.ListModelsResponse().SerializeToString()


@contextmanager
def serving(credentials=None, port=0, healths=()):
    handler, states = Server(), health.HealthServicer()
    server = grpc.server(ThreadPoolExecutor(4), handlers=[handler], options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    for name, status in healths:
        states.set(name, status)
    listen = server.add_insecure_port if credentials is None else server.add_secure_port
    port = listen(f"localhost:{port}", *([credentials] if credentials else []))
    server.start()
    try:
        yield f"localhost:{port}", handler
    finally:
        server.stop(None).wait()


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """A folder with an authority (ca), and what it signed: server, for the name models.example, and client."""
    folder = tmp_path_factory.mktemp("pems")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "stranger"):
        openssl(folder, "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    for name in ("server", "client"):
        openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:models.example\n")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
    return folder


def server_credentials(pems, mutual):
    pair = ((pems / "server.key").read_bytes(), (pems / "server.pem").read_bytes())
    return grpc.ssl_server_credentials([pair], (pems / "ca.pem").read_bytes() if mutual else None, mutual)


@needs_openssl
def test_tls_and_whose_certificates_are_believed(pems):
    with serving(server_credentials(pems, mutual=False), healths=HEALTHY) as (address, _):
        tls = Tls(pems / "ca.pem", server_name="models.example")
        with Client(address, timeout=10, tls=tls) as client:
            assert client.models() == ()
        for wrong in (Tls(pems / "stranger.pem", server_name="models.example"), Tls(pems / "ca.pem"), None):
            with Client(address, tls=wrong) as client:
                assert client.healthy() is False


@needs_openssl
def test_a_server_that_wants_to_see_a_certificate(pems):
    def main(tls):
        async def call():
            async with AsyncClient(address, timeout=10, tls=tls) as client:
                return await client.healthy()

        return asyncio.run(call())

    with serving(server_credentials(pems, mutual=True), healths=HEALTHY) as (address, _):
        root = pems / "ca.pem"
        assert main(Tls(root, pems / "client.pem", pems / "client.key", "models.example")) is True
        assert main(Tls(root, server_name="models.example")) is False


def test_files_that_are_no_certificates(tmp_path):
    (tmp_path / "der").write_bytes(b"0\x82")
    with pytest.raises(errors.ConfigError, match=r"cannot read .*none: No such file"):
        Client("localhost:1", tls=Tls(tmp_path / "none"))
    with pytest.raises(errors.ConfigError, match="der is no PEM file: expected"):
        AsyncClient("localhost:1", tls=Tls(tmp_path / "der"))
    with pytest.raises(errors.ConfigError, match="go together"):
        Tls(key=tmp_path / "key")


def test_token_request_id_and_timeout_go_with_each_call():
    with serving() as (address, server), Client(address, timeout=10, token="secret") as client:
        client.models()
        client.using(request_id="r-1", timeout=3, token="new").models()
        client.models()
    first, second, third = server.seen
    assert first["authorization"] == third["authorization"] == "Bearer secret"
    assert (second["authorization"], second["x-request-id"]) == ("Bearer new", "r-1")
    assert "x-request-id" not in third
    assert second["left"] < 3.5 < 9 < first["left"] < 10.5


def test_streams_and_health_carry_the_token(address):
    sent = []

    class Spy(grpc.StreamStreamClientInterceptor, grpc.UnaryUnaryClientInterceptor):
        def intercept_stream_stream(self, go, details, request):
            sent.append(details.metadata)
            return go(details, request)

        intercept_unary_unary = intercept_stream_stream

    with Client(address, timeout=10, token="t") as client:
        client._channel = grpc.intercept_channel(client._channel, Spy())
        assert list(client.stream_embed([])) == []
    assert sent == [(("authorization", "Bearer t"),)]


def test_health(repository):
    states = health_pb2.HealthCheckResponse
    with serving(healths=[(SERVICE, states.SERVING), ("ready", states.SERVING), ("loading", states.NOT_SERVING)]) as (
        address, _,
    ):  # fmt: skip
        with Client(address) as client:
            assert [client.healthy(name) for name in ("", "ready", "loading", "nobody")] == [True, True, False, False]

        async def main():
            async with AsyncClient(address) as client:
                return [await client.healthy(name) for name in ("", "loading", "nobody")]

        assert asyncio.run(main()) == [True, False, False]
    with Client(address) as client:
        assert client.healthy() is False


def test_health_of_a_real_server(client):
    assert [client.healthy(name) for name in ("", "toy-encoder", "nobody")] == [True, True, False]


def test_a_check_that_was_refused_is_no_answer():
    class Refuses(health_pb2_grpc.HealthServicer):
        def Check(self, request, context):  # noqa: N802
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")

    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(Refuses(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    with Client(f"localhost:{port}") as client, pytest.raises(errors.ServeError, match="no token"):
        client.healthy()
    server.stop(None).wait()


def test_unavailable_is_tried_again_and_nothing_else():
    with serving() as (address, server), Client(address, timeout=10) as client:
        server.failures = [errors.UnavailableError("starting")] * 2
        assert client.models() == () and len(server.seen) == 3
        for failure in (
            errors.OverloadError("full", retry_after=0.1),
            errors.FaultError("x"),
            errors.DeadlineError("x"),
        ):
            server.failures, server.seen = [failure], []
            with pytest.raises(type(failure)):
                client.models()
            assert len(server.seen) == 1


def test_who_has_patience_comes_again_when_the_server_says():
    full = errors.OverloadError("full", retry_after=0.2)

    async def patiently(address):
        async with AsyncClient(address, timeout=10, patience=5) as client:
            return await client.models()

    with serving() as (address, server):
        for call in (patient, lambda address: asyncio.run(patiently(address))):
            server.failures, began = [full, full], time.monotonic()
            assert call(address) == ()
            assert 0.4 <= time.monotonic() - began < 2
        server.failures, server.seen = [errors.OverloadError("full", retry_after=9)], []
        with pytest.raises(errors.OverloadError):
            patient(address)
        assert len(server.seen) == 1  # it would have been too long


def patient(address):
    with Client(address, timeout=10, patience=5) as client:
        return client.models()


def test_those_refused_together_come_back_apart():
    full = errors.OverloadError("full", retry_after=1.0)
    pauses = {CallOptions(patience=5).pause(full, 5.0) for _ in range(20)}
    assert len(pauses) == 20 and all(1 <= pause <= 1.5 for pause in pauses)
    assert CallOptions().pause(full, 0.0) is None


def test_a_server_that_comes_back_is_found():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Client(f"127.0.0.1:{port}", timeout=10) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.models)
        time.sleep(0.5)
        with serving(port=port):
            assert answer.result() == ()


def test_a_peer_that_says_nothing_is_given_up():
    """A machine that vanished sends no goodbye: only keepalive ends a call without a deadline."""
    with (
        serving() as (address, _),
        Relay(address) as relay,
        Client(relay.address, timeout=15, keepalive=0.3) as client,
    ):
        assert client.models() == ()
        relay.vanish()
        with pytest.raises(errors.UnavailableError):
            client.models()


class Relay:
    """Passes bytes on until it vanishes: then it keeps its connections open without a word, and takes no new ones."""

    def __init__(self, address):
        self._silent = threading.Event()
        self._target = int(address.rpartition(":")[2])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets = [self._listener]

    def vanish(self):
        self._silent.set()
        self._listener.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for each in self._sockets:
            each.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("localhost", self._target))
            except OSError:
                return
            self._sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                if not self._silent.is_set():
                    sink.sendall(data)
        except OSError:
            pass
