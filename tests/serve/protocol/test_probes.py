"""The port for health alone."""

import asyncio

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serve.calling.requests import embed_request
from serve.config import ServeConfig
from serve.errors import AddressError
from serve.lifecycle.models import Models
from serve.protocol.health import Health
from serve.protocol.probes import HealthPort
from serve.server import Server, load_sessions

SERVING = health_pb2.HealthCheckResponse.SERVING
EMBED = "/symae.v1.SymaeService/Embed"
CALLS = 400


async def status(channel, service=""):
    request = health_pb2.HealthCheckRequest(service=service)
    return (await health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)).status


def test_it_answers_while_a_flood_is_dropped_at_the_other(repository):
    config = ServeConfig(
        address="localhost:0", health_address="localhost:0", threads=1, grace=1, connection_calls=CALLS, pending_calls=1
    )
    request = embed_request([np.zeros((16, 16, 3), np.uint8)], model="toy-encoder").SerializeToString()

    async def scenario():
        server = Server(Models(load_sessions(repository / "toy-encoder", config), config), config)
        await server.start()
        async with (
            grpc.aio.insecure_channel(server.address) as calls,
            grpc.aio.insecure_channel(server.health_address) as probes,
        ):
            assert await status(calls) == await status(probes) == SERVING
            flood = [calls.unary_unary(EMBED)(request, timeout=20) for _ in range(CALLS)]
            seen = [await status(probes, "toy-encoder") for _ in range(20)]
            ends = [await call.code() for call in flood]
            with pytest.raises(grpc.aio.AioRpcError) as error:  # nothing else is there
                await probes.unary_unary(EMBED)(request)
        await server.drain()
        return seen, ends, error.value.code()

    seen, ends, elsewhere = asyncio.run(scenario())
    assert seen == [SERVING] * 20 and elsewhere is grpc.StatusCode.UNIMPLEMENTED
    assert ends.count(grpc.StatusCode.CANCELLED) > CALLS / 4
    assert set(ends) == {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED}


def test_a_taken_port_is_said():
    async def scenario():
        first = HealthPort(Health(), "localhost:0")
        await first.start()
        with pytest.raises(AddressError, match="choose another --health-address"):
            await HealthPort(Health(), first.address).start()
        await first.stop()

    asyncio.run(scenario())
