"""Health, reflection, load, deadlines and the end of a server."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from serve import errors
from serve.client import Client
from serve.config import ServeConfig
from serve.server import load_sessions, running

SYMAE = (sys.executable, "-c", "from symae.cli import main; main()")
SERVICES = ("", "symae.v1.SymaeService", "toy-encoder")
SERVING = health_pb2.HealthCheckResponse.SERVING
IMAGE = np.zeros((16, 16, 3), np.uint8)


class Slow:
    """A session that takes its time."""

    def __init__(self, session, seconds):
        self.seconds, self._session = seconds, session
        self.file, self.metadata, self.provider = session.file, session.metadata, session.provider

    def run(self, inputs, outputs):
        time.sleep(self.seconds)
        return self._session.run(inputs, outputs)


class Faulty(Slow):
    """A session that cannot run images of 9 rows."""

    def run(self, inputs, outputs):
        if inputs[0].shape[1] == 9:
            raise errors.FaultError("out of memory at 0x7f")
        return super().run(inputs, outputs)


@pytest.fixture
def slow(repository):
    """Serve a slow encoder; a function from seconds and configuration to the context of a server."""

    def start(seconds, **changes):
        config = ServeConfig(**{"address": "localhost:0", "threads": 1, "grace": 10.0} | changes)
        return running([Slow(s, seconds) for s in load_sessions(repository / "toy-encoder", config)], config)

    return start


def test_health(address):
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in (*SERVICES, "toy-autoencoder"):
            assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status == SERVING
        with pytest.raises(grpc.RpcError) as error:
            health.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=5)
        assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection(address):
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {"symae.v1.SymaeService", "grpc.health.v1.Health"} <= set(database.get_services())
        service = DescriptorPool(database).FindServiceByName("symae.v1.SymaeService")
        assert len(service.methods) == 9


def test_a_full_queue_is_said_with_the_time_to_come_again(slow):
    with slow(0.3, queue_pixels=2048, max_image_pixels=2048) as address, Client(address, timeout=20) as client:
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: attempt(client), range(8)))
        counts = Counter(type(result) for result in results)
        assert set(counts) == {bool, errors.OverloadError}
        assert counts[bool] >= 2
        assert all(r.retry_after > 0 for r in results if isinstance(r, errors.OverloadError))
        assert attempt(client) is True


def attempt(client):
    try:
        return len(client.embed([IMAGE]).embeddings) == 1
    except errors.ServeError as error:
        return error


def test_a_deadline_shorter_than_the_work(slow):
    with slow(0.4) as address, Client(address, timeout=0.1) as hasty, Client(address, timeout=20) as patient:
        with ThreadPoolExecutor(2) as pool:
            late, fine = pool.map(attempt, (hasty, patient))
        assert isinstance(late, errors.DeadlineError)
        assert fine is True


def test_the_default_deadline_holds_for_those_who_gave_none(slow):
    with (
        slow(0.4, default_deadline=0.2, batch_images=1) as address,
        Client(address) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        results = list(pool.map(attempt, [client] * 3))
        results.append(attempt(client))
        assert any(isinstance(result, errors.DeadlineError) for result in results)


def test_a_fault_of_the_runtime_is_one_sentence_here_and_the_cause_in_the_log(repository, caplog):
    config = ServeConfig(address="localhost:0", threads=1)
    (session,) = load_sessions(repository / "toy-encoder", config)
    with running([Faulty(session, 0)], config) as address, Client(address, timeout=20) as client:
        for images in ([IMAGE[:9]], [IMAGE, IMAGE[:9], IMAGE[:8]]):
            with pytest.raises(errors.FaultError, match=r"its log has the cause \(request (\w+)\)") as error:
                client.embed(images)
            request_id = str(error.value).split()[-1].rstrip(")")
            assert any(request_id in record.getMessage() and record.exc_info for record in caplog.records)
        assert "0x7f" not in str(error.value) and "0x7f" in caplog.text
        assert attempt(client) is True


def test_a_request_of_many_sizes_fails_with_the_reason_of_its_first_failure(slow):
    server = slow(0.2, default_deadline=0.1, batch_images=1)
    with server as address, Client(address) as client, pytest.raises(errors.DeadlineError):
        client.embed([IMAGE, IMAGE[:9], IMAGE[:8]])


def test_draining_answers_every_accepted_request(slow):
    with Client("localhost:1"):  # a channel that never connects must not matter
        pass
    with ThreadPoolExecutor(40) as pool:
        with slow(0.1, batch_images=4) as address:
            client = Client(address, timeout=20)
            assert attempt(client) is True
            running_calls = [pool.submit(attempt, client) for _ in range(40)]
            time.sleep(0.5)  # all are accepted; at 4 in 0.1 s most still wait
        results = [call.result() for call in running_calls]
    assert results == [True] * 40
    client.close()


def test_a_request_that_never_fits_is_refused_for_what_it_is(tmp_path, toys):
    toys.write_encoder(tmp_path / "e" / "1" / "model.onnx", resize=64, crop=64)
    config = ServeConfig(address="localhost:0", threads=1, queue_pixels=8192, max_image_pixels=8192)
    with running(load_sessions(tmp_path, config), config) as address, Client(address, timeout=20) as client:
        assert len(client.embed([IMAGE] * 2).embeddings) == 2  # each becomes 4096 pixels
        for images, keep_size in (([b"not even read"] * 3, False), ([IMAGE] * 9, True)):
            with pytest.raises(errors.RequestError, match="at most 8192 pixels in one request"):
                client.embed(images, keep_size=keep_size)
        assert len(client.embed([IMAGE] * 8, keep_size=True).embeddings) == 8


@pytest.mark.alone
def test_it_ends_when_grace_does_whatever_waits(slow):
    with ExitStack() as later, ThreadPoolExecutor(20) as pool:
        with slow(0.2, batch_images=1, grace=0.5) as address:
            client, channel = Client(address, timeout=20), later.enter_context(grpc.insecure_channel(address))
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            assert next(watch).status == SERVING  # and it does not hang up
            assert attempt(client) is True
            running_calls = [pool.submit(attempt, client) for _ in range(20)]
            time.sleep(0.3)
            stopped = time.monotonic()
        took = time.monotonic() - stopped
        results = Counter(type(call.result()) for call in running_calls)
        client.close()
    assert took < 0.5 + 0.2 + 1 + 0.8  # grace, the batch that runs, the last bytes, a slow machine
    assert set(results) == {bool, errors.UnavailableError}
    assert 1 <= results[bool] <= 6


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere.invalid:1", "cannot listen on"),
        ("localhost", "cannot listen on"),
        ("localhost:http!", "expected HOST"),
    ],
)
def test_a_strange_address(repository, address, message):
    sessions = load_sessions(repository / "toy-encoder", ServeConfig(threads=1))
    with pytest.raises(errors.AddressError, match=message), running(sessions, ServeConfig(address=address)):
        pass


def test_a_port_in_use_is_one_line_and_exit_2(repository):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [*SYMAE, "serve", str(repository), "--address", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr == f"symae: cannot listen on {address}: Address already in use; choose another --address\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_loses_no_accepted_request(repository, number):
    command = [*SYMAE, "serve", str(repository), "--address", "localhost:0", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            lines = [server.stdout.readline() for _ in range(5)]
            assert lines[0] == "toy-autoencoder version 1: autoencoder on CPUExecutionProvider\n"
            assert lines[-1].startswith("ready on localhost:")
            wrong = load_until_gone(lines[-1].split()[-1], lambda: server.send_signal(number))
            output, complaints = server.communicate(timeout=20)
        finally:
            server.kill()
    assert wrong == []
    assert server.returncode == 0
    assert (output, complaints) == ("stopped\n", "")


def load_until_gone(address, stop):
    """Call from four threads while `stop` is called; anything but a right answer or UNAVAILABLE is returned."""
    wrong = []

    def call(value):
        image = np.full((8, 8, 3), value, np.uint8)
        with Client(address, timeout=20) as client:
            try:
                while True:
                    if client.reconstruct([image]).images[0][0, 0, 0] != 255 - value:
                        wrong.append(value)
            except errors.UnavailableError:
                return
            except errors.ServeError as error:
                wrong.append(error)

    threads = [threading.Thread(target=call, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    stop()
    for thread in threads:
        thread.join(30)
    return wrong
