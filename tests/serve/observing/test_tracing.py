"""Traces as a collector gets them, from a server that was configured by OpenTelemetry's own variables."""

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.trace.v1 import trace_pb2

from serve.calling.requests import embed_request

EMBED = "/symae.v1.SymaeService/Embed"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(grpc.GenericRpcHandler):
    """An OpenTelemetry collector that keeps what it is sent."""

    def __init__(self):
        self.spans, self.resources = [], []

    def service(self, details):
        if not details.method.endswith("TraceService/Export"):
            return None
        request, response = otlp.ExportTraceServiceRequest, otlp.ExportTraceServiceResponse
        return grpc.unary_unary_rpc_method_handler(self.take, request.FromString, response.SerializeToString)

    def take(self, request, context):
        for resource in request.resource_spans:
            self.resources.append({a.key: a.value.string_value for a in resource.resource.attributes})
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return otlp.ExportTraceServiceResponse()


@pytest.fixture
def collector():
    server, collector = grpc.server(ThreadPoolExecutor(2)), Collector()
    server.add_generic_rpc_handlers((collector,))
    port = server.add_insecure_port("localhost:0")
    server.start()
    collector.address = f"http://localhost:{port}"
    yield collector
    server.stop(None).wait()


@contextmanager
def serving(repository, **environment):
    command = [sys.executable, "-c", "from symae.cli import main; main()", "serve", str(repository)]
    command += ["--address", "localhost:0", "--threads", "1"]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SYMAE_SERVE_"))}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=own | environment, **pipes) as process:
        try:
            ready = next(line for line in process.stdout if line.startswith("ready on "))
            with grpc.insecure_channel(ready.split()[-1]) as channel:
                yield channel
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()


def call(channel, image=None, **metadata):
    sent = embed_request([np.zeros((8, 8, 3), np.uint8) if image is None else image]).SerializeToString()
    channel.unary_unary(EMBED).with_call(sent, timeout=10, metadata=tuple(metadata.items()))


def test_a_request_is_a_span_with_its_parts_as_children(repository, collector):
    with serving(repository / "toy-encoder", OTEL_EXPORTER_OTLP_ENDPOINT=collector.address) as channel:
        before = time.time_ns()
        call(channel, **{"x-request-id": "job-7"})
        after = time.time_ns()
    (root,) = (span for span in collector.spans if not span.parent_span_id)
    children = {span.name: span for span in collector.spans if span.parent_span_id}
    assert root.name == "symae.v1.SymaeService/Embed"
    assert root.kind == trace_pb2.Span.SPAN_KIND_SERVER
    found = {a.key: a.value.string_value or a.value.int_value for a in root.attributes}
    assert found["symae.request_id"] == "job-7"
    assert (found["symae.model"], found["symae.images"], found["rpc.method"]) == ("toy-encoder", 1, "Embed")
    assert list(children) == ["decode", "queue", "run", "encode"]
    times = [time for span in children.values() for time in (span.start_time_unix_nano, span.end_time_unix_nano)]
    assert times == sorted(times)
    assert before < root.start_time_unix_nano <= times[0] and times[-1] <= root.end_time_unix_nano < after
    assert all(span.parent_span_id == root.span_id for span in children.values())
    assert collector.resources[0]["service.name"] == "symae"


def test_the_callers_trace_goes_on_and_its_wish_not_to_be_traced_is_heard(repository, collector):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_SERVICE_NAME": "mine"}
    with serving(repository / "toy-encoder", **environment) as channel:
        call(channel, traceparent=f"00-{TRACE}-{PARENT}-01")
        call(channel, traceparent=f"00-{'1' * 32}-{PARENT}-00")
        call(channel, traceparent="nonsense")
    traces = {span.trace_id.hex() for span in collector.spans}
    assert TRACE in traces and "1" * 32 not in traces and len(traces) == 2
    (root,) = (s for s in collector.spans if s.trace_id.hex() == TRACE and s.name.endswith("Embed"))
    assert root.parent_span_id.hex() == PARENT
    assert collector.resources[0]["service.name"] == "mine"


def test_only_what_is_the_servers_fault_is_an_error(repository, collector):
    with serving(repository / "toy-encoder", OTEL_EXPORTER_OTLP_ENDPOINT=collector.address) as channel:
        with pytest.raises(grpc.RpcError):
            call(channel, image=b"broken")
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/inference.GRPCInferenceService/ModelStatistics")(b"\xff", timeout=5)
    assert {span.status.code for span in collector.spans} == {trace_pb2.Status.STATUS_CODE_UNSET}
    codes = [a.value.int_value for s in collector.spans for a in s.attributes if a.key == "rpc.grpc.status_code"]
    assert codes == [3, 3]


def test_a_collector_that_does_not_answer_holds_nothing_up(repository):
    with socket.create_server(("localhost", 0)) as silent:
        endpoint = f"http://localhost:{silent.getsockname()[1]}"
        with serving(repository / "toy-encoder", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as channel:
            for _ in range(20):
                call(channel)
            started = time.monotonic()
        assert time.monotonic() - started < 7  # it would wait 10 s for one export


def test_it_is_off_where_that_is_said(repository, collector):
    off = ({"OTEL_SDK_DISABLED": "true"}, {"SYMAE_SERVE_TRACES": "false"})
    for environment in off:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}
        with serving(repository / "toy-encoder", **endpoint, **environment) as channel:
            call(channel)
    assert collector.spans == []


def test_without_opentelemetry_one_line_says_what_to_install(repository):
    code = (
        "import sys\nsys.modules['opentelemetry'] = None\nfrom symae.cli import main\n"
        f"main(['serve', {str(repository)!r}, '--address', 'localhost:0', '--traces', 'true'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "install symae[otel], or set traces = false" in done.stderr and done.stderr.count("\n") == 1
