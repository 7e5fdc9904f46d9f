"""Models that change under callers: swapped, rolled back, damaged, deleted."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from onnx import helper

from serve import errors
from serve.client import Client
from serve.config import ServeConfig
from serve.lifecycle.watch import Watch
from serve.server import running

STATUS = health_pb2.HealthCheckResponse
SYMAE = (sys.executable, "-c", "from symae.cli import main; main()")
IMAGE = np.full((8, 8, 3), 60, np.uint8)


class Place:
    """A repository of auto-encoders, the version of each to be read from its answers: pixels + version."""

    def __init__(self, folder, toys):
        self.folder, self.toys = folder, toys

    def file(self, version, name="m"):
        return self.folder / name / str(version) / "model.onnx"

    def write(self, version, name="m", **changes):
        """As the export does: whole or not at all."""
        new = self.make(self.folder / f".{name}-{version}" / "model.onnx", version, **changes)
        self.file(version, name).parent.parent.mkdir(exist_ok=True)
        new.parent.rename(self.file(version, name).parent)

    def make(self, path, version, **changes):
        toys = self.toys
        nodes = [
            helper.make_node("Add", ["image", "version"], ["added"]),
            helper.make_node("Cast", ["mask"], ["missing_flat"], to=toys.TensorProto.BOOL),
            helper.make_node("Unsqueeze", ["missing_flat", "last"], ["missing"]),
            helper.make_node("Where", ["missing", "version", "added"], ["reconstruction"]),
        ]
        constants = [("version", np.uint8(version)), ("last", np.array([3], np.int64))]
        inputs = [toys.IMAGE, ("mask", toys.U8, ("N", "H", "W"))]
        outputs = [("reconstruction", toys.U8, ("N", "H", "W", 3))]
        return toys.write_model(path, nodes, inputs, outputs, constants, toys.metadata("autoencoder", **changes))


@pytest.fixture
def place(tmp_path, toys):
    place = Place(tmp_path / "models", toys)
    place.folder.mkdir()
    place.write(1)
    return place


class Seen(Watch):
    """A watch whose models can be looked at."""

    def start(self, models):
        self.models = models
        super().start(models)


class Served:
    """A server that watches, its client, its models' states and its health."""

    def __init__(self, watch, address, client, index=None):
        self.watch, self.address, self.client, self._index = watch, address, client, index

    def answer(self, name="m"):
        """The version that the answer itself shows, and that it says."""
        result = self.client.reconstruct([IMAGE], model=name)
        return int(result.images[0][0, 0, 0]) - 60, result.timing.version

    def states(self):
        return [(s.name, s.version, s.state) for s in self.watch.models.states()]

    def reason(self):
        return next(s.reason for s in self.watch.models.states() if s.state == "FAILED")

    def health(self, service="m"):
        with grpc.insecure_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status

    def index(self, **how):
        """What the Open Inference Protocol lists."""
        return [(m.version, m.state, m.reason) for m in self._index(self.address, **how)]

    def until(self, *states):
        """Wait for these states."""
        wanted, ends = sorted(states), time.monotonic() + 15
        while self.states() != wanted:
            assert time.monotonic() < ends, (self.states(), wanted)
            time.sleep(0.01)

    def looks(self, count=4):
        """Let it look a few times more."""
        time.sleep(count * 0.05)


@contextmanager
def serve(place, **changes):
    config = ServeConfig(**{"address": "localhost:0", "threads": 1, "grace": 5.0, "watch_seconds": 0.05} | changes)
    watch = Seen(place.folder, config)
    with running(watch.load(), config, watch) as address, Client(address, timeout=20) as client:
        yield Served(watch, address, client, place.toys.repository_index)


@pytest.fixture
def served(place):
    with serve(place) as served:
        yield served


@contextmanager
def load(client, count=4):
    """Call without a pause from several threads; yields what went wrong."""
    wrong, stop = [], threading.Event()

    def call(value):
        seen = 0
        while not stop.is_set():
            try:
                result = client.reconstruct([np.full((8, 8, 3), value, np.uint8)] * 2, model="m")
            except errors.ServeError as error:
                wrong.append(error)
                return
            version = int(result.timing.version)
            images = np.stack(result.images)
            if not (images == value + version).all() or version < seen:
                wrong.append((value, version, seen, images))
            seen = version

    threads = [threading.Thread(target=call, args=(20 * n,)) for n in range(1, count + 1)]
    for thread in threads:
        thread.start()
    yield wrong
    stop.set()
    for thread in threads:
        thread.join(30)


def test_versions_are_swapped_under_load_and_no_call_fails(place, served):
    with load(served.client) as wrong:
        for version in range(2, 9):
            place.write(version)
            served.until(("m", str(version), "READY"))
            assert served.answer() == (version, str(version))
    assert wrong == []


def test_what_was_accepted_is_answered_by_the_old_version_though_the_new_one_serves(place):
    with serve(place, batch_images=1) as served:
        release, old = threading.Event(), served.watch.models.find("m").session
        run = old.run
        old.run = lambda inputs, outputs: (release.wait(20), run(inputs, outputs))[1]
        answers = []
        calls = [threading.Thread(target=lambda: answers.append(served.answer())) for _ in range(3)]
        for call in calls:
            call.start()
        time.sleep(0.3)  # all three are accepted, one runs
        place.write(2)
        served.until(("m", "1", "UNLOADING"), ("m", "2", "READY"))
        assert served.answer() == (2, "2")
        release.set()
        for call in calls:
            call.join(20)
        served.until(("m", "2", "READY"))
    assert answers == [(1, "1")] * 3
    with pytest.raises(errors.FaultError, match="it is closed"):
        run((IMAGE[None], np.zeros((1, 8, 8), np.uint8)), ("reconstruction",))


def test_a_half_written_file_is_waited_for(place, caplog):
    with serve(place, watch_seconds=0.3) as served:
        whole = place.make(place.folder / ".new" / "model.onnx", 2).read_bytes()
        target = place.file(2)
        target.parent.mkdir()
        with target.open("wb", buffering=0) as file:
            for start in range(0, len(whole), len(whole) // 12):
                file.write(whole[start : start + len(whole) // 12])
                time.sleep(0.1)
        served.until(("m", "2", "READY"))
        assert served.answer() == (2, "2")
    assert "refused" not in caplog.text


def test_garbage_is_refused_once_and_taken_when_it_is_mended(place, served, caplog):
    (place.folder / ".new").mkdir()
    (place.folder / ".new" / "model.onnx").write_bytes(b"no model")
    (place.folder / ".new").rename(place.file(2).parent)
    bad = place.file(2)
    served.until(("m", "1", "READY"), ("m", "2", "FAILED"))
    served.looks()
    assert served.answer() == (1, "1") and served.health() == STATUS.SERVING
    assert "damaged" in served.reason()
    (line,) = [r.getMessage() for r in caplog.records if "refused" in r.getMessage()]
    assert line.startswith("m version 2 was refused, version 1 goes on: cannot load")
    assert served.index() == [("1", "READY", ""), ("2", "UNAVAILABLE", served.reason())]
    assert served.index(ready=True) == [("1", "READY", "")]
    place.make(bad, 2)
    served.until(("m", "2", "READY"))
    assert served.answer() == (2, "2")


def test_what_is_served_may_be_overwritten_with_garbage(place, served):
    place.file(1).write_bytes(b"no model")
    served.until(("m", "1", "FAILED"), ("m", "1", "READY"))
    assert served.answer() == (1, "1")
    place.make(place.file(1), 5)  # in place, as nobody should
    served.until(("m", "1", "READY"))
    ends = time.monotonic() + 15
    while served.answer() != (5, "1"):
        assert time.monotonic() < ends


def test_a_deleted_newest_version_rolls_back(place, served):
    place.write(2)
    served.until(("m", "2", "READY"))
    shutil.rmtree(place.file(2).parent)
    served.until(("m", "1", "READY"))
    assert served.answer() == (1, "1")


def test_a_deleted_version_whose_predecessor_is_broken_goes_on(place, served):
    place.write(2)
    served.until(("m", "2", "READY"))
    place.file(1).write_bytes(b"no model")
    shutil.rmtree(place.file(2).parent)
    served.until(("m", "1", "FAILED"), ("m", "2", "READY"))
    assert served.answer() == (2, "2")


def test_another_kind_and_nan_are_refused(place, served, toys):
    toys.write_classifier(place.folder / ".c" / "model.onnx").parent.rename(place.file(2).parent)
    served.until(("m", "1", "READY"), ("m", "2", "FAILED"))
    assert "kind classifier where autoencoder is served" in served.reason()
    assert served.answer() == (1, "1")


def test_models_come_and_go_and_health_says_so(place, served):
    place.write(3, name="n")
    served.until(("m", "1", "READY"), ("n", "3", "READY"))
    assert served.answer("n") == (3, "3")
    assert served.health("n") == STATUS.SERVING
    shutil.rmtree(place.folder / "n")
    served.until(("m", "1", "READY"))
    with pytest.raises(grpc.RpcError) as error:
        served.health("n")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(errors.ModelNotFoundError, match="no model 'n', this server has m"):
        served.answer("n")
    shutil.rmtree(place.folder / "m")
    served.until()
    assert served.health("symae.v1.SymaeService") == STATUS.NOT_SERVING
    place.write(4)
    served.until(("m", "4", "READY"))
    assert served.health("symae.v1.SymaeService") == STATUS.SERVING


def test_a_repository_that_cannot_be_seen_changes_nothing(place, served, caplog):
    away = place.folder.rename(place.folder.parent / "away")
    served.looks()
    assert served.answer() == (1, "1")
    (line,) = [r.getMessage() for r in caplog.records if "stays as it is" in r.getMessage()]
    assert "no such model repository" in line
    away.rename(place.folder)
    place.write(2)
    served.until(("m", "2", "READY"))


def test_an_older_version_stands_in_for_a_broken_one_from_the_start(place, caplog):
    place.write(2)
    place.file(2).write_bytes(b"no model")
    with serve(place) as served:
        served.looks()
        assert served.answer() == (1, "1")
        assert served.states() == [("m", "1", "READY"), ("m", "2", "FAILED")]
        place.make(place.file(2), 2)
        served.until(("m", "2", "READY"))
    (line,) = [r.getMessage() for r in caplog.records if "refused" in r.getMessage()]
    assert line.startswith("m version 2 was refused, version 1 stands in for it: cannot load")


def test_a_broken_model_does_not_keep_the_others_from_being_served(place):
    place.write(1, name="a")
    place.file(1, "a").write_bytes(b"no model")
    with serve(place) as served:
        assert served.states() == [("a", "1", "FAILED"), ("m", "1", "READY")]


def test_nothing_is_watched_where_nothing_is_to_be(place):
    with serve(place, watch_seconds=0) as served:
        place.write(2)
        served.looks(6)
        assert served.answer() == (1, "1")


def test_a_signal_makes_it_look_at_once(place):
    (place.folder.parent / "serve.toml").write_text("watch_seconds = 3600")
    options = ["--address", "localhost:0", "--threads", "1", "--config", str(place.folder.parent / "serve.toml")]
    command = [*SYMAE, "serve", str(place.folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            lines = [server.stdout.readline() for _ in range(2)]
            with Client(lines[-1].split()[-1], timeout=20) as client:
                served, ends = Served(None, "", client), time.monotonic() + 15
                place.write(2)
                while served.answer() != (2, "2"):
                    assert time.monotonic() < ends
                    server.send_signal(signal.SIGHUP)
                    time.sleep(0.3)
            server.send_signal(signal.SIGTERM)
            output, complaints = server.communicate(timeout=20)
        finally:
            server.kill()
    assert (server.returncode, output, complaints) == (0, "stopped\n", "")
