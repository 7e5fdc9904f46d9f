"""What goes wrong around a server in production: over the wire, with callers that know which answer is theirs."""

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from serve import errors
from serve.bench.generator import generator
from serve.bench.load import Load, Payload
from serve.bench.usage import usage_of
from serve.bench.worker import Worker
from serve.calling.requests import embed_request, reconstruct_request
from serve.channel import Access
from serve.client import Client
from serve.config import ServeConfig
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.server import load_sessions, running

SERVE = (sys.executable, "-m", "symae", "serve")
RECONSTRUCT = "/symae.v1.SymaeService/Reconstruct"
STREAM_EMBED = "/symae.v1.SymaeService/StreamEmbed"


class Counted:
    """A session that takes its time and counts its runs."""

    def __init__(self, session, seconds):
        self.seconds, self.runs, self._session = seconds, 0, session

    def __getattr__(self, name):
        return getattr(self._session, name)

    def run(self, inputs, outputs):
        self.runs += 1
        time.sleep(self.seconds)
        return self._session.run(inputs, outputs)


@pytest.fixture
def slowly(repository):
    """Serve a slow inverting auto-encoder; yields the address and the session that counts its runs."""

    @contextmanager
    def start(seconds, kind="autoencoder", **changes):
        config = ServeConfig(**{"address": "localhost:0", "threads": 1, "grace": 10.0} | changes)
        session = Counted(load_sessions(repository / f"toy-{kind}", config)[0], seconds)
        with running([session], config) as address:
            yield address, session

    return start


def marked(number, side=8):
    """An image that carries its number in its first three bytes, the same in every pixel."""
    return np.broadcast_to(np.array([number >> 16, number >> 8 & 255, number & 255], np.uint8), (side, side, 3))


def mark_of(response):
    """Read the number from an answer of the inverting model; whatever was mixed in fails here."""
    (picture,) = response.images
    pixels = 255 - np.frombuffer(picture.raw.data, np.uint8).reshape(-1, 3)
    assert (pixels == pixels[0]).all()
    return int(pixels[0] @ np.array([1 << 16, 1 << 8, 1], np.int64))


def stub_of(channel):
    return channel.unary_unary(RECONSTRUCT, pb.ReconstructRequest.SerializeToString, pb.ReconstructResponse.FromString)


def once(address):
    """A channel that tries nothing again."""
    return grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)])


@contextmanager
def process(repository, *options, port=0):
    """A real server, as users start it."""
    command = [*SERVE, str(repository), "--address", f"localhost:{port}", "--threads", "1", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stdout if line.startswith("ready on "))
            yield server, line.split()[-1]
        finally:
            server.kill()


def test_cancels_leave_the_neighbours_alone(slowly):
    """One in ten goes away, before, in or after the batch it would have shared; the room it held is free again."""
    chance = random.Random(0)
    with slowly(0.01, queue_pixels=1 << 18, max_image_pixels=1 << 18) as (address, _), once(address) as channel:
        stub, calls = stub_of(channel), {}
        for number in range(400):
            calls[number] = stub.future(reconstruct_request([marked(number)]), timeout=20)
            if chance.random() < 0.1:
                threading.Timer(chance.random() * 0.1, calls[number].cancel).start()
            if number % 50 == 49:
                time.sleep(0.1)
        wrong = [
            n
            for n, call in calls.items()
            if not call.cancelled() and not cancelled(call) and mark_of(call.result()) != n
        ]
        left = Counter(cancelled(call) for call in calls.values())
        whole = stub(reconstruct_request([np.zeros((512, 512, 3), np.uint8)]), timeout=20)  # needs all of the queue
    assert wrong == []
    assert left[True] > 10 and left[False] > 340
    assert len(whole.images) == 1


def cancelled(call):
    try:
        call.result()
    except grpc.FutureCancelledError:
        return True
    return False


def test_a_deadline_that_cannot_be_kept_costs_no_run(slowly):
    with slowly(1.2, batch_images=1) as (address, session), once(address) as channel:
        stub = stub_of(channel)
        stub(reconstruct_request([marked(1)]), timeout=20)  # now it is known how long one takes
        runs, began = session.runs, time.monotonic()
        with pytest.raises(grpc.RpcError) as error:
            stub(reconstruct_request([marked(2)]), timeout=1.0)
        took = time.monotonic() - began
        time.sleep(0.2)
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "the deadline" in error.value.details() and took < 0.8  # the server said so, before it was over
        assert session.runs == runs


def test_a_deadline_that_passes_in_the_queue_costs_no_run(slowly):
    with slowly(1.0, batch_images=1) as (address, session), once(address) as channel:
        stub = stub_of(channel)
        first = stub.future(reconstruct_request([marked(1)]), timeout=20)  # nothing is known yet, so all are let in
        time.sleep(0.1)
        late = [stub.future(reconstruct_request([marked(n)]), timeout=0.1) for n in range(5)]
        assert {call.exception().code() for call in late} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        assert mark_of(first.result()) == 1
        time.sleep(0.2)
        assert session.runs == 1


def test_a_half_closed_stream_gets_all_its_answers(slowly):
    """The client says that it has no more to ask long before the first answer is there."""
    with slowly(0.05, kind="encoder") as (address, _), Client(address, timeout=20) as client:
        answers = client.stream_embed([embed_request([marked(n << 16, 4)]) for n in range(30)])
        assert [round(float(answer.embeddings[0, 0]) * 255) for answer in answers] == list(range(30))


def test_streams_that_were_left_open_hurt_nobody(slowly):
    """Opened and never used, or dropped in the middle: the others are answered, and the server ends in time."""
    silence = threading.Event()

    def mute(first):
        yield from first
        silence.wait(30)

    with slowly(0.01, kind="encoder", grace=1.0) as (address, _):
        channels = [once(address) for _ in range(8)]
        request = pb.StreamEmbedRequest(request=embed_request([marked(7)])).SerializeToString()
        streams = [c.stream_stream(STREAM_EMBED)(mute([request] * n)) for n, c in enumerate(channels)]
        for stream in streams[1:]:
            next(stream)
        for channel in channels[4:]:
            channel.close()
        with Client(address, timeout=20) as client:
            assert len(client.embed([marked(1)]).embeddings) == 1
        stopped = time.monotonic()
    silence.set()
    assert time.monotonic() - stopped < 5
    for channel in channels:
        channel.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_slow_readers_are_held_in_bounded_memory(repository):
    """Each answer is 3 MB; the callers ask for 25 GB in all and read nothing."""
    big = np.zeros((512, 512, 3), np.uint8)
    request = pb.StreamEmbedRequest(request=embed_request([big], feature_maps=True, keep_size=True)).SerializeToString()
    with process(repository / "toy-encoder", "--stream-window", "4") as (server, address), once(address) as channel:
        streams = [channel.stream_stream(STREAM_EMBED)(iter([request] * 2000)) for _ in range(4)]
        before = 0.0
        while (used := usage_of(server.pid).memory) > before + 20e6:  # until it stands still
            assert used < 2e9
            before = used
            time.sleep(1.5)
        with Client(address, timeout=20) as client:
            assert len(client.embed([marked(1)]).embeddings) == 1
        for stream in streams:
            stream.cancel()


def test_sigterm_under_load_answers_what_was_accepted_once_and_refuses_the_rest(tmp_path, toys):
    """Hundreds wait when it comes; each of them is answered, by its own answer."""
    toys.write_autoencoder(tmp_path / "toy" / "1" / "model.onnx", work=256)
    config = tmp_path / "c.toml"
    config.write_text("batch_images = 1\ngrace = 20.0\n")
    with process(tmp_path, "--config", config) as (server, address), once(address) as channel, once(address) as other:
        answers, stub = Counter(), stub_of(channel)

        def keep(call):
            answers[mark_of(call.result()) if call.code() is grpc.StatusCode.OK else call.code()] += 1

        calls = [stub.future(reconstruct_request([marked(n, 96)]), timeout=30) for n in range(100)]
        for call in calls:
            call.add_done_callback(keep)
        time.sleep(0.3)
        before = sum(answers.values())
        server.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        refused = [status_of(stub_of(other), n) for n in range(20)]
        wait_for(lambda: sum(answers.values()) == 100)
        assert server.wait(20) == 0
    lost = answers.pop(grpc.StatusCode.UNAVAILABLE, 0)  # had not been read when the signal came
    assert answers == dict.fromkeys(answers, 1) and len(answers) == 100 - lost
    assert before < 80 and lost < 50, (before, lost)
    assert set(refused) <= {grpc.StatusCode.UNAVAILABLE}


def status_of(stub, number):
    try:
        stub(reconstruct_request([marked(number)]), timeout=10)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def wait_for(condition, seconds=30):
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.02)
    assert condition()


def test_kill_in_a_batch_is_unavailable_and_the_retry_policy_carries_over(repository):
    """Whoever tries nothing again gets UNAVAILABLE and nothing else; the shipped clients do not notice."""
    port = free_port()
    done, failed, stop = Counter(), Counter(), threading.Event()
    with (
        ThreadPoolExecutor(8) as pool,
        process(repository, port=port) as (server, address),
        Client(address, timeout=30) as client,
        once(address) as channel,
    ):
        stub = stub_of(channel)
        callers = [pool.submit(carried_over, client, number, done, stop) for number in range(4)]
        callers += [pool.submit(not_carried_over, stub, number, failed, stop) for number in range(4)]
        time.sleep(0.5)
        server.kill()
        server.wait()
        before = done.total()
        with process(repository, port=port):
            wait_for(lambda: done.total() > before + 20)
            stop.set()
            wait(callers, 30)
            assert [caller.exception() for caller in callers] == [None] * 8
    assert set(failed) == {grpc.StatusCode.UNAVAILABLE}
    assert set(done) == {True}


def carried_over(client, number, done, stop):
    # 300 KB: more than gRPC keeps for another attempt unless it is told to
    image = marked(number, 320)
    while not stop.is_set():
        done[bool((client.reconstruct([image]).images[0] == 255 - image).all())] += 1


def not_carried_over(stub, number, failed, stop):
    while not stop.is_set():
        try:
            assert mark_of(stub(reconstruct_request([marked(number)]), timeout=20)) == number
        except grpc.RpcError as error:
            failed[error.code()] += 1
            time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.alone
def test_twice_the_load_keeps_the_goodput_and_refuses_at_once(slowly):
    """The work sleeps, so that this measures the server and not the machine: at most 4 images in 50 ms."""
    payload = Payload("autoencoder", "", 32, 32)
    room = {"batch_images": 4, "queue_pixels": 16 * 1024, "max_image_pixels": 16 * 1024}
    with slowly(0.05, **room) as (address, _):
        load = generator(address, Access(), None)
        peak = load(payload, Load(callers=12, seconds=1.5, warm_up=0.3), never).figures(1)
        over = load(payload, Load(rate=160, seconds=3, warm_up=0.5, deadline=5), never).figures(1)
    assert peak.errors == {} and 40 < peak.images_per_second <= 85
    assert over.images_per_second > 0.8 * peak.images_per_second
    assert set(over.errors) == {"RESOURCE_EXHAUSTED"} and over.errors["RESOURCE_EXHAUSTED"] > 100
    assert over.p99 < 1  # the queue is as short as it is set


def never():
    return False


@pytest.mark.alone
def test_refusals_take_milliseconds(slowly):
    room = {"batch_images": 1, "queue_pixels": 4096, "max_image_pixels": 4096}
    with slowly(0.5, **room) as (address, _), once(address) as channel:
        stub = stub_of(channel)
        waiting = [stub.future(reconstruct_request([marked(n, 32)]), timeout=20) for n in range(4)]
        time.sleep(0.2)
        took = []
        for number in range(30):
            began = time.monotonic()
            assert status_of(stub, number) is grpc.StatusCode.RESOURCE_EXHAUSTED
            took.append(time.monotonic() - began)
        assert [mark_of(call.result()) for call in waiting] == list(range(4))
    assert sorted(took)[3] < 0.01, sorted(took)  # few, because the machine may be busy


def test_a_client_reads_from_the_refusal_when_to_come_again(slowly):
    room = {"batch_images": 1, "queue_pixels": 4096, "max_image_pixels": 4096}
    with slowly(0.1, **room) as (address, _), Client(address, timeout=20, patience=20) as client:
        with ThreadPoolExecutor(12) as pool:
            images = [marked(n, 32) for n in range(12)]
            results = list(pool.map(lambda image: client.reconstruct([image]).images[0], images))
        with pytest.raises(errors.OverloadError), ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda image: client.using(patience=0.0).reconstruct([image]), images))
    assert all((result == 255 - image).all() for result, image in zip(results, images, strict=True))


@pytest.mark.alone
def test_a_flood_of_small_calls_is_cut_off_before_it_costs_anything(repository):
    """Twice what one process can take: without the limit each call is looked at when its deadline is over."""
    payload = Payload("autoencoder", "", 8, 8)
    with process(repository / "toy-autoencoder", "--pending-calls", "64") as (server, address):
        with Worker(generator, address, Access(), server.pid) as load:
            peak = load.measure(payload, Load(callers=32, seconds=1.5, warm_up=0.5)).figures(1)
            rate = 2 * peak.images_per_second
            flood = load.measure(payload, Load(rate=rate, seconds=3, warm_up=1.5, deadline=1)).figures(1)
        with Client(address, timeout=10) as client:
            assert client.healthy()
    assert flood.images_per_second > 0.25 * peak.images_per_second  # without the limit it is about an eighth
    assert flood.errors["CANCELLED"] > 100 and flood.p50 < 0.8


def test_who_is_cut_off_is_told_to_come_again():
    class Drops(grpc.GenericRpcHandler):
        calls = 0

        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(self.answer)

        def answer(self, request, context):
            Drops.calls += 1
            if Drops.calls == 1:
                context.abort(grpc.StatusCode.CANCELLED, "")
            return b""

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Drops()])
    port = server.add_insecure_port("localhost:0")
    server.start()
    with Client(f"localhost:{port}", timeout=10) as client:
        with pytest.raises(errors.UnavailableError, match="flooded"):
            client.models()
        Drops.calls = 0
        assert client.using(patience=5.0).models() == ()
    server.stop(None).wait()
