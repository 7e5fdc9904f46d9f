"""The health service over the wire, as any client of the standard sees it."""

import threading
import time

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from serve.config import ServeConfig
from serve.server import load_sessions, running

STATUS = health_pb2.HealthCheckResponse
SYMAE = "symae.v1.SymaeService"
MODELS = {"toy-autoencoder", "toy-encoder", "toy-classifier", "toy-segmenter"}


def ask(service):
    return health_pb2.HealthCheckRequest(service=service)


@pytest.fixture
def channel(address):
    with grpc.insecure_channel(address) as channel:
        yield channel


def test_check(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", SYMAE, *MODELS):
        assert health.Check(ask(service), timeout=5).status == STATUS.SERVING
    with pytest.raises(grpc.RpcError) as error:
        health.Check(ask("nobody"), timeout=5)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_list_as_reflection_describes_it(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    method = pool.FindServiceByName("grpc.health.v1.Health").FindMethodByName("List")
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    call = channel.unary_unary("/grpc.health.v1.Health/List", request.SerializeToString, response.FromString)
    statuses = call(request(), timeout=5).statuses
    assert {"", SYMAE} | MODELS <= set(statuses)
    assert {one.status for one in statuses.values()} == {STATUS.SERVING}


@pytest.mark.alone
def test_a_watcher_hears_of_the_end_and_is_hung_up_on_although_another_left(repository):
    config = ServeConfig(address="localhost:0", threads=1, grace=5)
    server = running(load_sessions(repository / "toy-encoder", config), config)
    with grpc.insecure_channel(server.__enter__()) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        stays, leaves = health.Watch(ask("toy-encoder")), health.Watch(ask("toy-encoder"))
        assert next(stays).status == next(leaves).status == STATUS.SERVING
        leaves.cancel()
        unknown = health.Watch(ask("nobody"))
        assert next(unknown).status == STATUS.SERVICE_UNKNOWN  # its caller may wait until there is one
        time.sleep(0.2)
        started = time.monotonic()
        thread = threading.Thread(target=server.__exit__, args=(None, None, None))
        thread.start()
        assert next(stays).status == STATUS.NOT_SERVING
        with pytest.raises(grpc.RpcError) as error:
            next(stays)
        thread.join()
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert time.monotonic() - started < 0.9  # nobody holds up the end
