"""What reflection tells: the descriptors of the services, wherever they are registered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2

from serve.errors import RequestError
from serve.protocol.conversation import Context, Conversation
from serve.protocol.reading import message_of, reader

__all__ = ["handler", "pool_of"]

DESCRIPTOR = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


def handler(services: Iterable[Any]) -> grpc.GenericRpcHandler:
    """Let callers ask for services by name.

    Args:
        services: descriptors; reflection itself is added.
    """
    told = [*services, DESCRIPTOR]
    servicer = reflection.aio.ReflectionServicer(
        [service.full_name for service in told], pool=pool_of(service.file for service in told)
    )

    async def answer(read: Any) -> Any:
        return await anext(servicer.ServerReflectionInfo(_once(message_of(read)), None))

    async def info(_requests: Any, context: Context) -> None:
        try:
            await Conversation(context, answer, window=1).hold()
        except RequestError as error:
            await context.abort(error.code, str(error))

    method = grpc.stream_stream_rpc_method_handler(
        info,
        request_deserializer=reader(reflection_pb2.ServerReflectionRequest),
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(DESCRIPTOR.full_name, {"ServerReflectionInfo": method})


async def _once(message: Any) -> AsyncIterator[Any]:
    yield message


def pool_of(files: Iterable[Any]) -> DescriptorPool:
    """Put the descriptors of files, and of those that they import, into one pool.

    Reflection looks into a single pool. The default one cannot be it: the Open Inference Protocol's messages are not
    there (see `serve.pb.inference`), or those of another library are.
    """
    pool, seen = DescriptorPool(), set[str]()

    def add(file: Any) -> None:
        if file.name not in seen:
            seen.add(file.name)
            for imported in file.dependencies:
                add(imported)
            pool.AddSerializedFile(file.serialized_pb)

    for file in files:
        add(file)
    return pool
