"""What Prometheus gets, from a real server over HTTP."""

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serve import errors
from serve.calling.requests import embed_request
from serve.client import Client
from serve.config import ServeConfig
from serve.server import load_sessions, running

SYMAE = {"service": "symae.v1.SymaeService"}


def free_port():
    with socket.create_server(("localhost", 0)) as taken:
        return taken.getsockname()[1]


class Scrape(dict):
    """Samples of one answer: (name, labels) -> value."""

    def __init__(self, address):
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        for family in self.families.values():
            for sample in family.samples:
                self[sample.name, tuple(sorted(sample.labels.items()))] = sample.value

    def value(self, name, **labels):
        return self[name, tuple(sorted(labels.items()))]

    def total(self, name):
        return sum(value for (found, _), value in self.items() if found == name)


@pytest.fixture
def serving(repository):
    @contextmanager
    def start(models="", change=None, **changes):
        metrics = f"localhost:{free_port()}"
        config = ServeConfig(address="localhost:0", threads=1, grace=5, metrics_address=metrics, **changes)
        sessions = load_sessions(repository / models, config)
        for session in sessions:
            session.run = change(session.run) if change else session.run
        with running(sessions, config) as address, Client(address, timeout=20) as client:
            yield client, lambda: Scrape(metrics)

    return start


def image(size=8):
    return np.zeros((size, size, 3), np.uint8)


def test_requests_are_counted_by_call_model_and_status(serving):
    with serving() as (client, scrape):
        for _ in range(3):
            client.embed([image()] * 2)
        client.models()
        for bad in ([b"broken"], []):
            with pytest.raises(errors.RequestError):
                client.embed(bad)
        with pytest.raises(errors.ModelNotFoundError):
            client.embed([image()], model="none")
        list(client.stream_embed([embed_request([image()])] * 4))
        found = scrape()
    embed = SYMAE | {"method": "Embed"}
    assert found.value("symae_requests_total", **embed, model="toy-encoder", status="OK") == 3
    assert found.value("symae_requests_total", **embed, model="toy-encoder", status="INVALID_ARGUMENT") >= 1
    assert found.value("symae_requests_total", **embed, model="", status="NOT_FOUND") == 1
    assert found.value("symae_requests_total", **SYMAE, method="ListModels", model="", status="OK") == 1
    stream = SYMAE | {"method": "StreamEmbed"}
    assert found.value("symae_requests_total", **stream, model="toy-encoder", status="OK") == 4
    assert found.total("symae_requests_total") == 11
    assert found.value("symae_request_duration_seconds_count", **embed, model="toy-encoder") == 3
    assert found.value("symae_request_duration_seconds_bucket", **embed, model="toy-encoder", le="+Inf") == 3


def test_where_the_time_goes(serving):
    def slow(run):
        return lambda *arguments: (time.sleep(0.06), run(*arguments))[1]

    with serving("toy-encoder", slow, batch_images=1) as (client, scrape):
        client.embed([image(), image()])
        found = scrape()
    phase = {"model": "toy-encoder", "phase": "run"}
    assert 0.12 <= found.value("symae_request_phase_seconds_sum", **phase) < 1
    assert found.value("symae_request_phase_seconds_bucket", **phase, le="0.1") == 0
    assert found.value("symae_request_phase_seconds_bucket", **phase, le="60.0") == 1
    whole = found.value("symae_request_duration_seconds_sum", **SYMAE, method="Embed", model="toy-encoder")
    assert whole >= found.total("symae_request_phase_seconds_sum") * 0.999
    assert {"decode", "queue", "run", "encode"} == {
        sample.labels["phase"] for sample in found.families["symae_request_phase_seconds"].samples
    }


def test_runs(serving):
    with serving("toy-encoder", batch_images=4, warm_sizes=(8,)) as (client, scrape):
        client.embed([image()] * 10)  # runs of 4, 4 and 2
        found = scrape()
    model = {"model": "toy-encoder"}
    assert found.value("symae_batch_images_count", **model) == 3
    assert found.value("symae_batch_images_sum", **model) == 10
    assert found.value("symae_batch_images_bucket", **model, le="2.0") == 1
    assert found.value("symae_batch_pixels_sum", **model) == 640
    assert found.value("symae_batches_total", **model, why="full") == 2
    assert found.value("symae_batches_total", **model, why="free") == 1


def test_a_full_queue_and_what_it_holds(serving):
    go_on = threading.Event()

    def hang(run):
        return lambda *arguments: (go_on.wait(20), run(*arguments))[1]

    with serving("toy-encoder", hang, queue_pixels=2048, max_image_pixels=2048) as (client, scrape):
        callers = [threading.Thread(target=client.embed, args=([image()],)) for _ in range(2)]
        for caller in callers:
            caller.start()
        model, ends = {"model": "toy-encoder"}, time.monotonic() + 5
        while scrape().value("symae_queue_pixels", **model) < 2048:
            assert time.monotonic() < ends
        assert scrape().value("symae_queue_limit_pixels", **model) == 2048
        with pytest.raises(errors.OverloadError):
            client.embed([image()])
        assert scrape().value("symae_requests_dropped_total", **model, reason="queue_full") == 1
        go_on.set()
        for caller in callers:
            caller.join()
        found = scrape()
    assert found.value("symae_queue_pixels", **model) == 0
    embed = SYMAE | {"method": "Embed"}
    assert found.value("symae_requests_total", **embed, **model, status="RESOURCE_EXHAUSTED") == 1


def test_a_caller_that_goes_and_a_deadline_are_told_apart(serving):
    go_on = threading.Event()

    def hang(run):
        return lambda *arguments: (go_on.wait(20), run(*arguments))[1]

    with serving("toy-encoder", hang) as (client, scrape):
        call = client._channel.unary_unary("/symae.v1.SymaeService/Embed")
        sent = embed_request([image()]).SerializeToString()
        late = call.future(sent, timeout=0.3)
        gone = call.future(sent, timeout=20)
        time.sleep(0.2)
        gone.cancel()
        time.sleep(0.5)
        found = scrape()
        go_on.set()
    assert late.done()
    embed = SYMAE | {"method": "Embed", "model": "toy-encoder"}
    assert found.value("symae_requests_total", **embed, status="CANCELLED") == 1
    assert found.value("symae_requests_total", **embed, status="DEADLINE_EXCEEDED") == 1


def test_models_and_the_process(serving):
    with serving() as (_, scrape):
        found = scrape()
    about = {"version": "1", "kind": "encoder", "provider": "CPUExecutionProvider", "precision": "fp32"}
    assert found.value("symae_model_info", model="toy-encoder", **about) == 1
    assert found.value("symae_model_state", model="toy-encoder", version="1", state="READY") == 1
    assert found.value("symae_model_ready", model="toy-encoder") == 1
    assert found.total("symae_model_info") == 4
    if sys.platform == "linux":
        assert found.value("process_resident_memory_bytes") > 1e7
        assert found.value("process_cpu_seconds_total") > 0


def test_a_call_without_a_token_is_counted(serving, tmp_path):
    (tmp_path / "tokens").write_text("right\n")
    with serving(tokens=str(tmp_path / "tokens")) as (client, scrape):
        with pytest.raises(errors.UnauthenticatedError):
            client.models()
        client._channel.unary_unary("/made.up/Call").future(b"", timeout=5).exception()
        found = scrape()
    wrong = {"model": "", "status": "UNAUTHENTICATED"}
    assert found.value("symae_requests_total", **SYMAE, method="ListModels", **wrong) == 1
    assert found.value("symae_requests_total", service="", method="unknown", **wrong) == 1  # callers make no labels


def test_each_server_has_its_own(serving):
    with serving("toy-encoder") as (client, scrape), serving("toy-encoder") as (_, other):
        client.embed([image()])
        assert scrape().total("symae_requests_total") == 1
        assert other().total("symae_requests_total") == 0


@pytest.mark.parametrize(
    ("address", "reason"), [("localhost:{}", "Address already in use"), ("x", "expected HOST:PORT")]
)
def test_an_address_that_cannot_be_listened_on_is_one_line(repository, address, reason):
    with socket.create_server(("localhost", 0)) as taken:
        address = address.format(taken.getsockname()[1])
        command = [sys.executable, "-c", "from symae.cli import main; main()", "serve", str(repository)]
        command += ["--address", "localhost:0", "--metrics-address", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    rule = f"symae: cannot listen on '{address}' for metrics: {reason}; choose another --metrics-address\n"
    assert done.stderr == rule


def test_without_an_address_nothing_of_it_is_loaded(repository):
    code = (
        "import sys\nfrom pathlib import Path\nfrom serve.config import ServeConfig\n"
        "from serve.server import load_sessions, running\n"
        "config = ServeConfig(address='localhost:0', threads=1)\n"
        f"with running(load_sessions(Path({str(repository)!r}), config), config): pass\n"
        "bad = {name.partition('.')[0] for name in sys.modules} & {'prometheus_client', 'opentelemetry'}\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
