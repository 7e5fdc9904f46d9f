"""The command finds a fault where there is one, and none where there is none."""

import pytest
from click.testing import CliRunner

from benchmarks.fuzz import main
from serve.config import ServeConfig
from serve.server import load_sessions, running
from serve.shipped import shipped_models


@pytest.fixture
def shipped():
    config = ServeConfig(address="localhost:0", threads=1)
    with running(load_sessions(shipped_models(), config), config) as address:
        yield address


def run(address, minutes=0.04):
    return CliRunner().invoke(main, [address, "--minutes", str(minutes), "--callers", "2"], catch_exceptions=False)


def test_a_sound_server_passes(shipped):
    result = run(shipped)
    assert result.exit_code == 0, result.output
    for call in (
        "/symae.v1.SymaeService/StreamReconstruct",
        "/inference.GRPCInferenceService/ModelInfer",
        "Health/Watch",
    ):
        assert call in result.output


def test_a_fault_is_found_and_shown(shipped, monkeypatch):
    monkeypatch.setattr("serve.protocol.inference_about.index", lambda models: 1 / 0)
    result = run(shipped)
    assert result.exit_code == 1
    assert "/inference.GRPCInferenceService/RepositoryIndex INTERNAL: the server failed on this" in result.output


def test_a_fault_that_a_stream_tells_as_a_message_is_found(shipped, monkeypatch):
    monkeypatch.setattr("serve.protocol.inference.read_timeout", lambda request: 1 / 0)
    result = run(shipped, minutes=0.06)
    assert "/inference.GRPCInferenceService/ModelStreamInfer INTERNAL: told within the stream" in result.output


def test_nobody_listens():
    result = run("localhost:1")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert result.output.startswith("Error: ")
