"""What one connection may ask at a time."""

import grpc
import numpy as np

from serve.calling.requests import embed_request
from serve.config import ServeConfig
from serve.server import load_sessions, running

EMBED = "/symae.v1.SymaeService/Embed"
CALLS = 300


def test_a_caller_of_one_connection_may_make_many_calls_at_once(repository):
    config = ServeConfig(address="localhost:0", threads=1, grace=5, connection_calls=10, pending_calls=15)
    request = embed_request([np.zeros((16, 16, 3), np.uint8)], model="toy-encoder").SerializeToString()
    sessions = load_sessions(repository / "toy-encoder", config)
    with running(sessions, config) as address, grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(10)
        calls = [channel.unary_unary(EMBED).future(request, timeout=30) for _ in range(CALLS)]
        assert [call.code() for call in calls] == [grpc.StatusCode.OK] * CALLS
