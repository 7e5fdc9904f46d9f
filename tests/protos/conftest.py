"""Protos as protoc reads them, comments included."""

import subprocess
import sys

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet


@pytest.fixture
def compiled(tmp_path):
    """A function from a folder of protos and a path in it to a FileDescriptorProto."""
    pytest.importorskip("grpc_tools", reason="needs grpcio-tools, of the dev extra")

    def compile_(root, path):
        out = tmp_path / "set.binpb"
        options = [f"-I{root}", "--include_source_info", f"--descriptor_set_out={out}"]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, str(path)], check=True, timeout=60)
        return FileDescriptorSet.FromString(out.read_bytes()).file[0]

    return compile_
