"""Whatever bytes come, at every call of every service: a status that is the caller's, and the server goes on."""

import random

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzzing import FORBIDDEN
from benchmarks.mutation import sample
from serve.client import Client
from serve.pb.symae.v1 import symae_pb2 as pb

SERVICES = {
    "symae.v1.SymaeService": 9,
    "inference.GRPCInferenceService": 10,
    "grpc.health.v1.Health": 3,
    "grpc.reflection.v1alpha.ServerReflection": 1,
}
GOOD = pb.EmbedRequest(images=[pb.Image(raw=pb.RawImage(data=bytes(12), height=2, width=2, channels=3))])
WORDS = ("toy-encoder", "toy-autoencoder")
EXAMPLES = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def methods(address):
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        services = {name: pool.FindServiceByName(name) for name in database.get_services()}
        assert {name: len(service.methods) for name, service in services.items()} == SERVICES
        yield channel, [method for service in services.values() for method in service.methods]


def answer(channel, method, data):
    path = f"/{method.containing_service.full_name}/{method.name}"
    endless = method.server_streaming and not method.client_streaming
    try:
        if method.client_streaming:
            list(channel.stream_stream(path)(iter([data, data]), timeout=20))
        elif endless:
            list(channel.unary_stream(path)(data, timeout=0.02))
        else:
            channel.unary_unary(path)(data, timeout=20)
    except grpc.RpcError as error:
        watched = endless and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        return "OK" if watched else error.code().name
    return "OK"


@EXAMPLES
@given(data=st.binary(max_size=300))
def test_bytes_of_any_kind(methods, data):
    channel, every = methods
    statuses = {method.full_name: answer(channel, method, data) for method in every}
    assert not FORBIDDEN & set(statuses.values()), statuses


@EXAMPLES
@given(seed=st.integers(0, 2**32))
def test_messages_of_any_content(methods, address, seed):
    (channel, every), rng = methods, random.Random(seed)
    for method in every:
        seeds = [GOOD.SerializeToString()] if method.input_type.name == "EmbedRequest" else []
        data = sample(method.input_type, seeds, WORDS, rng)
        status = answer(channel, method, data)
        assert status not in FORBIDDEN, (method.full_name, status, data.hex())
    with Client(address, timeout=20) as client:
        assert len(client.embed([np.zeros((2, 2, 3), np.uint8)]).embeddings) == 1


def test_bytes_that_are_no_message_are_the_callers_fault_at_every_call(methods):
    channel, every = methods
    for method in every:
        status = answer(channel, method, b"\xff\xff\xff")
        expected = "OK" if method.name == "ModelStreamInfer" else "INVALID_ARGUMENT"  # it tells errors as messages
        assert (method.full_name, status) == (method.full_name, expected)
