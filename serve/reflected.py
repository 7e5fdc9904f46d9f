"""What reflection tells: the descriptors of the services, wherever they are registered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor_pool import DescriptorPool

__all__ = ["pool_of"]


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
