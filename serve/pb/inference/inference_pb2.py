"""The Open Inference Protocol's messages, made from the descriptor that `make stubs` writes; not generated itself.

Generated modules put their messages into protobuf's one default pool, where a name can stand once. Triton's and
KServe's clients register the same names there, and whoever comes second fails. These messages have a pool of their
own, so that one process may load both.
"""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal import builder  # what generated modules call, too

_file = FileDescriptorSet.FromString(Path(__file__).with_name("inference.binpb").read_bytes()).file[0]
DESCRIPTOR = DescriptorPool().AddSerializedFile(_file.SerializeToString())
builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, globals())
