"""The committed stubs are what `make stubs` writes, and bear other libraries in the process."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor

from serve.pb.inference import inference_pb2 as ours

ROOT = Path(__file__).parents[2]
SYMAE, INFERENCE = Path("serve/pb/symae/v1"), Path("serve/pb/inference")
OUTPUTS = {
    f"{SYMAE}/symae.proto": (
        [f"--{kind}_out=." for kind in ("python", "pyi", "grpc_python")],
        [SYMAE / "symae_pb2.py", SYMAE / "symae_pb2.pyi", SYMAE / "symae_pb2_grpc.py"],
    ),
    f"{INFERENCE}/inference.proto": (
        ["--pyi_out=.", f"--descriptor_set_out={INFERENCE}/inference.binpb"],
        [INFERENCE / "inference_pb2.pyi", INFERENCE / "inference.binpb"],
    ),
}


def test_every_proto_has_its_stubs():
    assert {f"serve/pb/{path.relative_to(ROOT / 'protos')}" for path in (ROOT / "protos").rglob("*.proto")} == {
        *OUTPUTS
    }


@pytest.mark.parametrize("proto", OUTPUTS)
def test_generated_stubs_are_fresh(tmp_path, proto):
    pytest.importorskip("grpc_tools", reason="needs grpcio-tools, of the dev extra")
    options, paths = OUTPUTS[proto]
    (tmp_path / proto).parent.mkdir(parents=True)
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-Iserve/pb={ROOT / 'protos'}", *options, proto]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=60)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")) == sorted(paths)
    for path in paths:
        assert (ROOT / path).read_bytes() == (tmp_path / path).read_bytes(), f"{path} is stale: run make stubs"


BOTH = [
    "import tritonclient.grpc, tritonclient.grpc.aio",
    "import serve.client, serve.server, serve.protocol.inference",
]


@pytest.mark.parametrize("order", [BOTH, BOTH[::-1]])
def test_tritons_client_and_ours_live_in_one_process(order):
    code = "\n".join(
        [
            *order,
            "from serve.pb.inference import inference_pb2 as ours",
            "from tritonclient.grpc import service_pb2 as theirs",
            "sent = ours.ModelInferRequest(model_name='m', raw_input_contents=[b'xy'])",
            "sent.inputs.add(name='image', datatype='UINT8', shape=[-1, 2**40])",
            "sent.parameters['timeout'].int64_param = -3",
            "heard = theirs.ModelInferRequest.FromString(sent.SerializeToString(deterministic=True))",
            "assert heard.inputs[0].shape[1] == 2**40 and heard.parameters['timeout'].int64_param == -3",
            "assert heard.SerializeToString(deterministic=True) == sent.SerializeToString(deterministic=True)",
            "assert ours.DESCRIPTOR.pool is not theirs.DESCRIPTOR.pool",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def messages(descriptor):
    yield descriptor
    for nested in descriptor.nested_types:
        yield from messages(nested)


def test_the_open_protocol_is_wire_compatible_with_tritons_field_by_field():
    from tritonclient.grpc import model_config_pb2, service_pb2

    theirs = {
        message.full_name: message
        for file in (service_pb2.DESCRIPTOR, model_config_pb2.DESCRIPTOR)
        for top in file.message_types_by_name.values()
        for message in messages(top)
    }
    checked = 0
    for top in ours.DESCRIPTOR.message_types_by_name.values():
        for message in messages(top):
            for field in message.fields:
                other = theirs[message.full_name].fields_by_name[field.name]
                assert shape_of(field) == shape_of(other), field.full_name
                checked += 1
    assert checked > 100
    values = {value.name: value.number for value in model_config_pb2.DataType.DESCRIPTOR.values}
    assert dict(ours.DataType.items()) == values


def test_the_open_protocols_calls_are_tritons():
    from tritonclient.grpc import service_pb2

    theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    for method in ours.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods:
        other = theirs.methods_by_name[method.name]
        assert method.full_name == other.full_name
        assert method.input_type.full_name == other.input_type.full_name
        assert method.output_type.full_name == other.output_type.full_name
        assert (method.client_streaming, method.server_streaming) == (other.client_streaming, other.server_streaming)


def shape_of(field: FieldDescriptor):
    """All of a field that the wire depends on."""
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof.name if field.containing_oneof else None
    return field.number, field.type, field.is_repeated, kind.full_name if kind else None, oneof
