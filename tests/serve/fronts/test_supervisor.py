"""Real processes: what they answer, and what is left when one of them is killed at the worst moment."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from onnx import helper

from serve import errors
from serve.calling.results import read_embeddings
from serve.client import Client
from serve.pb.inference import inference_pb2 as inference
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.pb.symae.v1.symae_pb2_grpc import SymaeServiceStub
from serve.protocol.status import from_call

SYMAE = (sys.executable, "-c", "from symae.cli import main; main()")
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
OWN = [("grpc.use_local_subchannel_pool", 1)]
IMAGE = np.zeros((16, 16, 3), np.uint8)


def children(pid):
    """Process ids by role and index, e.g. {"front0": 12}."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) != pid or stat[0] == "Z":
                continue
            found[int(path.name)] = sorted((path / "task").iterdir())
        except (OSError, IndexError):
            continue
    return set(found)


def role(pid):
    """A front listens, an owner has loaded the runtime."""
    try:
        return "owner" if "onnxruntime" in Path(f"/proc/{pid}/maps").read_text() else "front"
    except OSError:
        return "gone"


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(true, seconds=20.0):
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)


def segments():
    """What lies in shared memory by name, but for what loaders and pools of other processes put there."""
    return {path.name for path in Path("/dev/shm").iterdir() if not path.name.startswith(("torch_", "sem.mp-"))}


class Caller:
    """Embeds an image on a connection of its own, once."""

    def __init__(self, address):
        self._channel = grpc.insecure_channel(address, options=[("grpc.enable_retries", 0), *OWN])
        self._stub = SymaeServiceStub(self._channel)

    def __call__(self, image=IMAGE, count=1):
        """True, or False for a wrong answer, or the error."""
        raw = pb.RawImage(height=image.shape[0], width=image.shape[1], channels=3, data=image.tobytes())
        try:
            response = self._stub.Embed(pb.EmbedRequest(images=[pb.Image(raw=raw)] * count), timeout=60)
        except grpc.RpcError as error:
            return from_call(error)
        return bool(np.allclose(read_embeddings(response).embeddings[0], image.mean((0, 1)) / 255, atol=1e-3))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()


class House:
    """A server of several processes."""

    def __init__(self, process, address):
        self.process, self.address = process, address

    def of(self, what):
        return [pid for pid in sorted(children(self.process.pid)) if role(pid) == what]

    @property
    def front(self):
        return self.of("front")

    @property
    def owner(self):
        return self.of("owner")

    def caller(self):
        """A caller that does not try again, on a connection of its own."""
        return Caller(self.address)

    def answered(self):
        """Requests that ModelStatistics tells of, asked on connections of their own."""
        found = set()
        for _ in range(8):
            with grpc.insecure_channel(self.address, options=OWN) as channel:
                call = channel.unary_unary(
                    "/inference.GRPCInferenceService/ModelStatistics",
                    inference.ModelStatisticsRequest.SerializeToString,
                    inference.ModelStatisticsResponse.FromString,
                )
                (model,) = call(inference.ModelStatisticsRequest(), timeout=5).model_stats
                found.add(model.inference_stats.success.count)
        return found

    def statuses(self, service="symae.v1.SymaeService"):
        """What health says on connections of their own."""
        found = set()
        for _ in range(8):
            with grpc.insecure_channel(self.address, options=OWN) as channel:
                try:
                    request = health_pb2.HealthCheckRequest(service=service)
                    found.add(health_pb2_grpc.HealthStub(channel).Check(request, timeout=5).status)
                except grpc.RpcError as error:
                    found.add(error.code())
        return found


@pytest.fixture
def slow_repository(tmp_path, toys):
    """An encoder that takes some milliseconds for an image: it is sorted many times over."""

    def write(times=150):
        nodes, constants = toys.channels_first()
        name = "x"
        for number in range(times):
            nodes.append(helper.make_node("Sin", [name], [f"x{number}"]))
            name = f"x{number}"
        nodes += [
            helper.make_node("Identity", [name], ["feature_map"]),
            helper.make_node("ReduceMean", ["x"], ["embedding"], axes=[2, 3], keepdims=0),
        ]
        outputs = [("embedding", toys.F32, ("N", 3)), ("feature_map", toys.F32, ("N", 3, "H", "W"))]
        card = toys.metadata("encoder")
        toys.write_model(tmp_path / "slow" / "1" / "model.onnx", nodes, [toys.IMAGE], outputs, constants, card)
        return tmp_path

    return write


@pytest.fixture
def start():
    """A function from a repository and flags to the context of a running house; nothing of it may be left."""

    @contextmanager
    def begin(repository, *flags, fronts=2, grace=10):
        before = segments()
        command = [*SYMAE, "serve", str(repository), "--address", "127.0.0.1:0", "--fronts", str(fronts)]
        command += ["--threads", "1", "--grace", str(grace), *flags]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        left = set()
        try:
            lines = []
            while not (lines and lines[-1].startswith("ready on ")):
                line = process.stdout.readline()
                assert line, process.stderr.read()
                lines.append(line)
            house = House(process, lines[-1].split()[-1])
            house.lines = lines
            yield house
            left = children(process.pid)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            house.rest, house.complaints = process.communicate(timeout=30)
        finally:
            left |= children(process.pid)
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
        until(lambda: not any(alive(pid) for pid in left))
        assert segments() <= before

    return begin


def test_all_calls_are_answered_as_by_one_process(repository, start, address):
    with start(repository) as house:
        assert house.lines[:-1] == [
            f"toy-{kind} version 1: {kind} on CPUExecutionProvider\n"
            for kind in ("autoencoder", "classifier", "encoder", "segmenter")
        ]
        assert (len(house.front), len(house.owner)) == (2, 1)
        rng = np.random.default_rng(0)
        images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((8, 8), (31, 17), (8, 8), (70, 90))]
        masks = [(image[..., 0] > 128).astype(np.uint8) for image in images]
        with Client(address, timeout=20) as one, Client(house.address, timeout=20) as several:
            for call in (
                lambda client: client.reconstruct(images, masks=masks).images,
                lambda client: client.embed(images, feature_maps=True).feature_maps,
                lambda client: client.classify(images, top_k=2).probabilities,
                lambda client: client.segment(images, probabilities=True).probabilities,
            ):
                for left, right in zip(call(one), call(several), strict=True):
                    np.testing.assert_array_equal(left, right)
            assert one.models() == several.models()
        assert house.statuses() == house.statuses("toy-encoder") == {SERVING}
    assert (house.process.returncode, house.rest, house.complaints) == (0, "stopped\n", "")


def test_a_second_server_on_the_port_is_refused_and_the_first_goes_on(repository, start):
    with start(repository / "toy-encoder") as house:
        for fronts in ("1", "2"):
            command = [*SYMAE, "serve", str(repository), "--address", house.address, "--fronts", fronts]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            message = f"symae: cannot listen on {house.address}: Address already in use; choose another --address\n"
            assert (done.returncode, done.stderr) == (2, message)
        with house.caller() as caller:
            assert caller() is True


@pytest.mark.parametrize("what", ["nowhere", "broken"])
def test_what_cannot_start_says_so_and_leaves_nothing(tmp_path, what):
    if what == "broken":
        (tmp_path / "broken" / "1").mkdir(parents=True)
        (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"no model")
    before = segments()
    command = [*SYMAE, "serve", str(tmp_path / what), "--address", "127.0.0.1:0", "--fronts", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"symae: (no such model repository|cannot load).*", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
    assert segments() == before


def test_a_front_that_is_killed_loses_its_own_calls_and_is_replaced(slow_repository, start):
    limit = str(24 * 250 * 250)
    flags = ("--batch-images", "1", "--queue-pixels", limit, "--max-image-pixels", limit)
    with start(slow_repository(), *flags) as house, ExitStack() as stack:
        callers = [stack.enter_context(house.caller()) for _ in range(24)]
        assert [caller() for caller in callers] == [True] * 24
        fronts, owner = house.front, house.owner
        with ThreadPoolExecutor(24) as pool:
            image = np.full((250, 250, 3), 50, np.uint8)
            calls = [pool.submit(caller, image) for caller in callers]
            time.sleep(0.2)  # most wait
            os.kill(fronts[0], signal.SIGKILL)
            results = [call.result() for call in calls]
        kinds = Counter(type(result) for result in results)
        assert set(kinds) == {bool, errors.UnavailableError}, results
        assert kinds[bool] >= 3 and kinds[errors.UnavailableError] >= 3
        until(lambda: len(house.front) == 2)
        assert fronts[0] not in house.front and house.owner == owner
        with house.caller() as caller:
            until(lambda: caller() is True)
            assert caller(image, count=24) is True  # it fills the queue, so the dead front holds nothing any more
        assert house.statuses() == {SERVING}
        house.process.send_signal(signal.SIGTERM)
    assert re.search(r"front [01] \(process \d+\) ended with -9: it is replaced", house.complaints)


@pytest.mark.alone
def test_an_owner_that_is_killed_loses_what_it_was_asked_and_is_replaced(slow_repository, start):
    with start(slow_repository(), "--batch-images", "1") as house, ExitStack() as stack:
        callers = [stack.enter_context(house.caller()) for _ in range(8)]
        assert [caller() for caller in callers] == [True] * 8
        fronts, (owner,) = house.front, house.owner
        with ThreadPoolExecutor(8) as pool:
            image = np.full((400, 400, 3), 50, np.uint8)
            calls = [pool.submit(caller, image) for caller in callers]
            time.sleep(0.2)
            os.kill(owner, signal.SIGKILL)
            killed = time.monotonic()
            results = [call.result() for call in calls]
            assert time.monotonic() - killed < 2
            answer = callers[0]()  # the new one is not there yet
            assert isinstance(answer, errors.UnavailableError)
        assert errors.UnavailableError in {type(result) for result in results}
        assert {type(result) for result in results} <= {bool, errors.UnavailableError}
        until(lambda: callers[0]() is True)
        assert [caller() for caller in callers] == [True] * 8
        assert house.front == fronts and owner not in house.owner
        assert house.statuses() == house.statuses("slow") == {SERVING}


@pytest.mark.alone
def test_without_an_owner_fronts_say_so_at_once_and_are_not_ready(repository, start):
    with start(repository / "toy-encoder") as house, house.caller() as caller:
        assert caller() is True
        (owner,) = house.owner
        model = repository / "toy-encoder" / "1" / "model.onnx"
        content = model.read_bytes()
        model.write_bytes(b"no model")  # so that it cannot come back
        try:
            os.kill(owner, signal.SIGKILL)
            until(lambda: isinstance(caller(), errors.UnavailableError))
            started = time.monotonic()
            for _ in range(20):
                assert isinstance(caller(), errors.UnavailableError)
            assert time.monotonic() - started < 1
            assert house.statuses() == house.statuses("toy-encoder") == {NOT_SERVING}
            assert house.statuses("") == {SERVING}
        finally:
            model.write_bytes(content)
        until(lambda: caller() is True)
        assert house.statuses() == house.statuses("toy-encoder") == {SERVING}


def test_sigterm_under_load_loses_no_accepted_request(slow_repository, start):
    wrong, answered = [], Counter()

    def call(house, value):
        image = np.full((64, 64, 3), value, np.uint8)
        with house.caller() as caller:
            while (result := caller(image)) is True:
                answered[value] += 1
            if not isinstance(result, errors.UnavailableError):
                wrong.append(result)

    with start(slow_repository(20)) as house:
        threads = [threading.Thread(target=call, args=(house, value)) for value in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        house.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(20)
    assert wrong == []
    assert len(answered) == 8
    assert (house.process.returncode, house.rest, house.complaints) == (0, "stopped\n", "")


def test_children_end_when_their_supervisor_is_killed_and_answer_first(slow_repository, start):
    with start(slow_repository(), "--batch-images", "1") as house, house.caller() as caller:
        assert caller() is True
        pids = children(house.process.pid)
        assert len(pids) == 3
        with ThreadPoolExecutor(4) as pool:
            image = np.full((300, 300, 3), 50, np.uint8)
            calls = [pool.submit(caller, image) for _ in range(4)]
            time.sleep(0.15)
            house.process.kill()
            assert [call.result() for call in calls] == [True] * 4
        until(lambda: not any(alive(pid) for pid in pids))


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def scraped(port, pattern):
    """Numbers of all lines that match, added up."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(pattern, line))


def test_counters_are_those_of_all_processes_also_of_a_front_that_was_killed(repository, start):
    port = free_port()
    answers = 'symae_requests_total.*Embed.*"toy-encoder".*"OK"'
    with start(repository / "toy-encoder", "--metrics-address", f"127.0.0.1:{port}") as house, ExitStack() as stack:
        callers = [stack.enter_context(house.caller()) for _ in range(20)]
        assert [caller() for caller in callers * 3] == [True] * 60
        until(lambda: scraped(port, answers) == 60)
        assert scraped(port, "symae_request_duration_seconds_count.*Embed") == 60
        assert scraped(port, "symae_batch_images_sum") == 60
        until(lambda: house.answered() == {60})  # whichever front is asked
        os.kill(house.front[0], signal.SIGKILL)
        until(lambda: len(house.front) == 2)
        assert [caller() for caller in callers].count(True) >= 1
        with house.caller() as caller:
            until(lambda: caller() is True)
        until(lambda: 61 <= scraped(port, answers) <= 90)
        until(lambda: house.answered() == {int(scraped(port, answers))})
        assert scraped(port, "symae_queue_pixels") == 0
        assert scraped(port, "symae_model_ready") == 1


def test_two_devices_share_the_work_and_one_goes_on_alone(slow_repository, start):
    with start(slow_repository(), "--devices", "0,1", "--batch-images", "1") as house, ExitStack() as stack:
        assert len(house.owner) == 2
        callers = [stack.enter_context(house.caller()) for _ in range(6)]
        before = {pid: cpu(pid) for pid in house.owner}
        with ThreadPoolExecutor(6) as pool:
            image = np.full((300, 300, 3), 50, np.uint8)
            assert list(pool.map(lambda caller: caller(image), callers * 2)) == [True] * 12
        assert all(cpu(pid) > before[pid] for pid in house.owner)
        os.kill(house.owner[0], signal.SIGKILL)
        until(lambda: all(caller() is True for caller in callers), seconds=2)
        until(lambda: len(house.owner) == 2)


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
