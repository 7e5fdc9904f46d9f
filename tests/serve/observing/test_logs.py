"""What is logged, and that a flood, an image or a secret is not."""

import io
import json
import logging
import re
import sys
import threading

import grpc
import numpy as np
import pytest
from PIL import Image

from serve import image as pixels
from serve.calling.requests import embed_request
from serve.client import Client
from serve.config import ServeConfig
from serve.errors import FaultError, RequestError
from serve.observing import logs
from serve.server import load_sessions, running

EMBED = "/symae.v1.SymaeService/Embed"
MARK = b"PIXELS-OF-A-SECRET"


@pytest.fixture
def log():
    """Configure logging as the command does; gives a function that reads what was written since."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def configure(level, form):
        root.handlers.clear()
        logs.configure(level, form)
        stream = io.StringIO()
        root.handlers[0].setStream(stream)
        return lambda: stream.getvalue().splitlines()

    yield configure
    root.handlers[:], root.level = before[0], before[1]


@pytest.fixture
def broken(repository):
    """Serve an encoder that fails on images of 9 rows."""
    config = ServeConfig(address="localhost:0", threads=1, grace=5)
    (session,) = load_sessions(repository / "toy-encoder", config)
    run = session.run

    def fail(inputs, outputs):
        if inputs[0].shape[1] == 9:
            raise FaultError("out of memory")
        return run(inputs, outputs)

    session.run = fail
    return lambda: running([session], config)


def image(height):
    """An image whose pixels are the mark, again and again."""
    return np.resize(np.frombuffer(MARK, np.uint8), (height, 8, 3))


def test_each_request_is_one_line_with_its_id_and_where_its_time_went(log, broken):
    read = log("info", "json")
    with broken() as address, Client(address, timeout=10, request_id="job-7") as client:
        client.embed([image(8)] * 3)
        with pytest.raises(FaultError):
            client.embed([image(9)])
        with pytest.raises(RequestError):
            client.embed([MARK])
    lines = [json.loads(line) for line in read()]
    access = [line for line in lines if line["logger"] == "serve.access" and line["call"] == EMBED]
    assert [line["status"] for line in access] == ["OK", "INTERNAL", "INVALID_ARGUMENT"]
    assert {line["request"] for line in access} == {"job-7"}
    assert (access[0]["model"], access[0]["version"], access[0]["images"]) == ("toy-encoder", "1", 3)
    assert access[0]["ms"] >= access[0]["queue_ms"] + access[0]["run_ms"] > 0
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    faults = [line for line in lines if line["level"] == "error"]
    assert [line["logger"] for line in faults] == ["serve.batching.batcher", "serve.protocol.rpc"]
    assert {line["request"] for line in faults} == {"job-7"}
    assert "out of memory" in faults[1]["exception"]


def test_a_line_of_any_module_has_the_id_of_the_request_also_from_a_thread(log, broken, monkeypatch):
    read, decode = log("warning", "json"), pixels.decode

    def noisy(*arguments, **options):
        logging.getLogger("another").warning("decoding on %s", threading.current_thread().name)
        return decode(*arguments, **options)

    monkeypatch.setattr(pixels, "decode", noisy)
    picture = io.BytesIO()
    Image.fromarray(image(8)).save(picture, "PNG")
    with broken() as address, Client(address, timeout=10, request_id="job-7") as client:
        client.embed([picture.getvalue()])
    (line,) = map(json.loads, read())
    assert line["message"].startswith("decoding on decode_") and line["request"] == "job-7"


@pytest.mark.parametrize("form", logs.FORMATS)
def test_neither_images_nor_metadata_are_logged(log, broken, form):
    read = log("debug", form)
    with broken() as address, Client(address, timeout=10, token="hidden-token") as client:
        client.embed([image(8)])
        for bad in (image(9), MARK):
            with pytest.raises((FaultError, RequestError)):
                client.embed([bad])
    text = "\n".join(read())
    assert EMBED in text and "INTERNAL" in text
    assert "PIXELS" not in text and "hidden" not in text
    assert str(list(MARK[:3]))[1:-1] not in text


def test_text_has_the_id_too(log, broken):
    read = log("info", "text")
    with broken() as address, Client(address, timeout=10, request_id="job-7") as client:
        client.embed([image(8)])
    (line,) = (line for line in read() if EMBED in line)
    assert re.search(r"INFO serve.access \[job-7\]: /symae.v1.SymaeService/Embed OK model=toy-encoder version=1", line)


def test_by_default_what_goes_well_is_not_logged(log, broken):
    read = log("warning", "text")
    with broken() as address, Client(address, timeout=10) as client:
        client.embed([image(8)])
    assert read() == []


def test_a_flood_of_one_fault_is_a_few_lines(log, broken, monkeypatch):
    read = log("warning", "json")
    with broken() as address, grpc.insecure_channel(address) as channel:
        call, sent = channel.unary_unary(EMBED), embed_request([image(9)]).SerializeToString()

        def fail(times):
            for _ in range(times):
                with pytest.raises(grpc.RpcError) as error:
                    call(sent, timeout=10)
                assert error.value.code() is grpc.StatusCode.INTERNAL

        fail(50)
        lines = [json.loads(line) for line in read()]
        assert len(lines) == 2 * logs.PLENTY  # the batcher's and the request's
        monkeypatch.setattr(logs, "WINDOW", 0.0)
        fail(1)
        assert "(and 45 lines like this one in the" in json.loads(read()[-1])["message"]


def test_lines_that_differ_are_not_taken_for_one():
    flood = logs.Flood()

    def written(error, message="%s failed"):
        try:
            raise error
        except type(error):
            record = logging.LogRecord("serve", logging.ERROR, "f.py", 1, message, ("x",), sys.exc_info())
            return flood.filter(record)

    assert sum(written(ValueError()) for _ in range(20)) == logs.PLENTY
    assert written(KeyError()) and written(ValueError(), "another failed")
    for number in range(3 * logs.KINDS):
        written(ValueError(), f"{number} failed")
    assert len(flood._kinds) == logs.KINDS


def test_requests_are_not_taken_for_a_flood():
    flood = logs.Flood()
    record = logging.LogRecord("serve.access", logging.INFO, "f.py", 1, "%s", ("x",), None)
    assert all(flood.filter(record) for _ in range(50))
