import inspect
import json

import numpy as np
import pytest

from serve import errors
from serve.calling.requests import embed_request
from serve.channel import SERVICE_CONFIG
from serve.client import AsyncClient, Client
from serve.config import ServeConfig
from serve.server import load_sessions, running


def test_methods_have_the_signatures_of_their_builders():
    for client in (Client, AsyncClient):
        assert inspect.signature(inspect.unwrap(client.embed)) == inspect.signature(embed_request)
        assert client.embed.__doc__ == embed_request.__doc__


def test_only_unavailable_is_tried_again():
    (method,) = json.loads(SERVICE_CONFIG)["methodConfig"]
    assert method["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


def test_nobody_listens():
    with Client("localhost:1", timeout=20) as client, pytest.raises(errors.UnavailableError) as error:
        client.models()
    assert "\n" not in str(error.value)


def test_messages_beyond_four_mebibytes(repository):
    config = ServeConfig(address="localhost:0", threads=1)
    image = np.random.default_rng(0).integers(0, 256, (1200, 1500, 3), dtype=np.uint8)
    sessions = load_sessions(repository / "toy-autoencoder", config)
    with running(sessions, config) as address, Client(address, timeout=20) as client:
        np.testing.assert_array_equal(client.reconstruct([image]).images[0], 255 - image)


def test_a_missing_file_is_an_oserror(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.embed([tmp_path / "none.png"])
