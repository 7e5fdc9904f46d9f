"""A model that hangs stops being ready, alone, and is ready again when it moves; over the wire."""

import threading
import time

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serve.client import Client
from serve.config import ServeConfig
from serve.server import load_sessions, running

IMAGE = np.zeros((16, 16, 3), np.uint8)
SYMAE = "symae.v1.SymaeService"


class Hanging:
    """A session whose runs wait for an event."""

    def __init__(self, session, event):
        self._session, self._event = session, event
        self.file, self.metadata, self.provider = session.file, session.metadata, session.provider

    def run(self, inputs, outputs):
        self._event.wait(30)
        return self._session.run(inputs, outputs)


@pytest.mark.parametrize(("names", "service_ready"), [(("encoder", "classifier"), True), (("encoder",), False)])
def test_a_model_that_hangs_is_not_ready_until_it_moves(repository, caplog, names, service_ready):
    config = ServeConfig(address="localhost:0", threads=1, grace=5, stuck_after=0.3)
    go_on = threading.Event()
    sessions = [load_sessions(repository / f"toy-{name}", config)[0] for name in names]
    sessions = [Hanging(s, go_on) if s.file.name == "toy-encoder" else s for s in sessions]
    with (
        running(sessions, config) as address,
        Client(address, timeout=20) as client,
        grpc.insecure_channel(address) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)

        def ready(service):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            return answer.status == health_pb2.HealthCheckResponse.SERVING

        time.sleep(0.5)
        assert ready("toy-encoder")  # nothing to do is not the same as stuck
        caller = threading.Thread(target=client.embed, args=([IMAGE],))
        caller.start()
        within(3, lambda: not ready("toy-encoder"))
        assert ready("")  # liveness depends on no model
        assert ready(SYMAE) is service_ready
        assert all(ready(f"toy-{name}") for name in names[1:])
        assert "toy-encoder does not move" in caplog.text
        go_on.set()
        caller.join()
        within(3, lambda: ready("toy-encoder") and ready(SYMAE))
        assert "toy-encoder moves again" in caplog.text


def within(seconds, condition):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)
