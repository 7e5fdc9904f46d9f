"""Bearer tokens over the wire: several, replaced while the server runs, and never in a log."""

import logging
import time

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from serve.client import Client
from serve.config import ServeConfig
from serve.errors import ConfigError, UnauthenticatedError
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.security.tokens import LOOK, Tokens
from serve.server import load_sessions, running

IMAGE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("# the gateway\nfirst-token # until spring\n\n  with#inside\n")
    return path


@pytest.fixture
def address(repository, file):
    config = ServeConfig(address="localhost:0", threads=1, grace=5, tokens=str(file))
    with running(load_sessions(repository / "toy-encoder", config), config) as address:
        yield address


def accepted(address, token):
    with Client(address, timeout=5, token=token) as client:
        try:
            return len(client.models()) == 1
        except UnauthenticatedError:
            return False


def test_only_a_valid_token_is_let_in(address):
    assert accepted(address, "first-token") and accepted(address, "with#inside")
    for wrong in ("", "first-toke", "first-token2", "#", "until", "the"):
        assert not accepted(address, wrong)


def test_streams_and_unknown_calls_need_one_too(address):
    with Client(address, timeout=5) as client, pytest.raises(UnauthenticatedError):
        list(client.stream_embed([]))
    with grpc.insecure_channel(address) as channel:
        for method in ("/symae.v1.SymaeService/Nothing", "/grpc.health.v1.HealthX/Check", "/x/y"):
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary(method)(b"", timeout=5)
            assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("value", ["first-token", "Basic first-token", "Bearer", "Bearer  ", "bearer first-token x"])
def test_what_is_no_bearer_token(address, value):
    assert header(address, value) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("value", ["Bearer first-token", "bearer first-token", "BEARER  first-token "])
def test_how_a_bearer_token_may_be_written(address, value):
    assert header(address, value) is grpc.StatusCode.OK


def header(address, value):
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/symae.v1.SymaeService/ListModels")
        try:
            call(pb.ListModelsRequest().SerializeToString(), timeout=5, metadata=(("authorization", value),))
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK


def test_health_and_reflection_need_none(address):
    with grpc.insecure_channel(address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert "symae.v1.SymaeService" in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_tokens_change_while_the_server_runs(address, file, caplog):
    caplog.set_level(logging.INFO)
    file.write_text("second-token\n")
    time.sleep(LOOK + 0.1)
    assert accepted(address, "second-token") and not accepted(address, "first-token")
    file.unlink()
    time.sleep(LOOK + 0.1)
    assert accepted(address, "second-token")  # a file that is being replaced locks nobody out
    file.write_text("two words\n")
    time.sleep(LOOK + 0.1)
    assert accepted(address, "second-token")
    file.write_text("# nobody\n")
    time.sleep(LOOK + 0.1)
    assert not accepted(address, "second-token")
    assert "cannot read the tokens" in caplog.text and "0 tokens are valid now" in caplog.text
    for secret in ("first-token", "second-token", "two words"):
        assert secret not in caplog.text


def test_a_refused_call_is_not_read(address):
    with Client(address, timeout=5) as client, pytest.raises(UnauthenticatedError, match="Bearer TOKEN"):
        client.embed([np.zeros((4096, 4096, 3), np.uint8)])


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "has no token"), ("# only\n\n", "has no token"), ("a b\n", "one token a line"), (b"\xff", "no UTF-8 text")],
)
def test_a_file_that_is_not_right(tmp_path, text, message):
    (tmp_path / "tokens").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=message):
        Tokens(tmp_path / "tokens")


def test_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the tokens .*: No such file"):
        Tokens(tmp_path / "tokens")
