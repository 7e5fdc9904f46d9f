"""Callers of symae.v1 that were built yesterday work tomorrow: nothing that is committed as public changes or goes."""

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from serve.pb.symae.v1 import symae_pb2

ROOT = Path(__file__).parents[2]
ACCEPTED = ROOT / "protos" / "symae" / "v1" / "symae.binpb"


def accepted():
    return FileDescriptorSet.FromString(ACCEPTED.read_bytes()).file[0]


def served():
    file = FileDescriptorProto()
    symae_pb2.DESCRIPTOR.CopyToProto(file)
    return file


def surface(file):
    """Everything that a caller's bytes, JSON or generated code depends on -> how it is."""
    found = {}
    for service in file.service:
        for method in service.method:
            found[f"{file.package}.{service.name}.{method.name}"] = (
                "rpc", method.input_type, method.output_type, method.client_streaming, method.server_streaming,
            )  # fmt: skip
    for message in file.message_type:
        found |= of_message(f"{file.package}.{message.name}", message)
    for enum in file.enum_type:
        found |= of_enum(f"{file.package}.{enum.name}", enum)
    return found


def of_message(name, message):
    found = {name: ("message", message.options.map_entry)}
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
        found[f"{name}.{field.name}"] = (
            "field", field.number, Field.Type.Name(field.type), Field.Label.Name(field.label), field.type_name,
            field.json_name or camel(field.name), oneof, field.proto3_optional, str(field.options),
        )  # fmt: skip
    for nested in message.nested_type:
        found |= of_message(f"{name}.{nested.name}", nested)
    for enum in message.enum_type:
        found |= of_enum(f"{name}.{enum.name}", enum)
    return found


def camel(name):
    """JSON's name of a field, which a descriptor may leave out."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def of_enum(name, enum):
    return {name: ("enum",)} | {f"{name}.{value.name}": ("value", value.number) for value in enum.value}


def broken(before, after):
    """Name what is gone or another."""
    old, new = surface(before), surface(after)
    return [f"{name}: {how} -> {new.get(name, 'gone')}" for name, how in old.items() if new.get(name) != how]


def test_what_was_public_is_kept():
    assert broken(accepted(), served()) == []


def test_what_is_added_is_committed_as_public():
    new = surface(served()).keys() - surface(accepted()).keys()
    assert not new, f"{sorted(new)} would not be guarded: run make accept"


def message(file, name):
    return next(message for message in file.message_type if message.name == name)


def field(file, path):
    return next(f for f in message(file, path.split(".")[0]).field if f.name == path.split(".")[1])


CHANGES = {
    "number": lambda f: setattr(field(f, "RawImage.data"), "number", 9),
    "name": lambda f: setattr(field(f, "RawImage.data"), "name", "bytes"),
    "JSON's name": lambda f: setattr(field(f, "RawImage.data"), "json_name", "bytes"),
    "type": lambda f: setattr(field(f, "RawImage.height"), "type", Field.TYPE_UINT64),
    "label": lambda f: setattr(field(f, "EmbedRequest.images"), "label", Field.LABEL_OPTIONAL),
    "message": lambda f: setattr(field(f, "EmbedRequest.images"), "type_name", ".symae.v1.Mask"),
    "out of its oneof": lambda f: field(f, "Image.raw").ClearField("oneof_index"),
    "field gone": lambda f: message(f, "Answered").field.pop(),
    "message gone": lambda f: f.message_type.pop(),
    "value": lambda f: setattr(f.enum_type[0].value[1], "number", 7),
    "value gone": lambda f: f.enum_type[0].value.pop(),
    "call gone": lambda f: f.service[0].method.pop(),
    "call another": lambda f: setattr(f.service[0].method[0], "input_type", ".symae.v1.EmbedRequest"),
    "stream": lambda f: setattr(f.service[0].method[0], "server_streaming", True),
    "package": lambda f: setattr(f, "package", "symae.v2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_break_is_seen(change):
    changed = accepted()
    CHANGES[change](changed)
    assert broken(accepted(), changed)


def test_additions_break_nothing():
    grown = accepted()
    message(grown, "EmbedRequest").field.add(name="more", number=99, type=Field.TYPE_BOOL, label=Field.LABEL_OPTIONAL)
    grown.message_type.add(name="New")
    grown.enum_type[0].value.add(name="MODEL_KIND_NEW", number=99)
    grown.service[0].method.add(name="New", input_type=".symae.v1.New", output_type=".symae.v1.New")
    assert broken(accepted(), grown) == []
    assert surface(grown).keys() - surface(accepted()).keys()
