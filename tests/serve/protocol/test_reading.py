import asyncio

import grpc
import pytest

from serve.errors import RequestError
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.protocol.reading import checked, message_of, reader

read = reader(pb.EmbedRequest)
GOOD = pb.EmbedRequest(model="m")


class Context:
    async def abort(self, code, details):
        raise RuntimeError(code, details)


def test_a_message_is_given_as_it_is():
    assert message_of(read(GOOD.SerializeToString())) == GOOD
    assert asyncio.run(checked(read(GOOD.SerializeToString()), Context())) == GOOD


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05abc", b"\x0a\x02\xff\xfe"])  # cut, too short, no UTF-8
def test_bytes_that_are_none_are_the_callers_fault(data):
    with pytest.raises(RequestError, match="these bytes are not a message of this call"):
        message_of(read(data))
    with pytest.raises(RuntimeError) as error:
        asyncio.run(checked(read(data), Context()))
    assert error.value.args[0] is grpc.StatusCode.INVALID_ARGUMENT
