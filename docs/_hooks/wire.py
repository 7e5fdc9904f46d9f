"""The reference of the gRPC API: a page made of symae.proto, its messages, fields and comments."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pb2 as pb
from grpc_tools import protoc
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PROTO = "symae/v1/symae.proto"
URI = "reference/grpc.md"
Path_ = tuple[int, ...]  # of a declaration within its file, as descriptor.proto numbers them
PACKAGE, MESSAGES, ENUMS, SERVICES, MEMBERS = 2, 4, 5, 6, 2
STATUS = re.compile(r"^ +([A-Z_]+) {2,}(.*)$")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page, and the .proto itself to be fetched."""
    protos = Path(config.config_file_path).parent / "protos"
    files.append(File.generated(config, URI, content="\n".join(_page(*_read(protos)))))
    files.append(File.generated(config, "reference/symae.proto", abs_src_path=str(protos / PROTO)))
    return files


def _read(protos: Path) -> tuple[pb.FileDescriptorProto, dict[Path_, str]]:
    """The file as protoc has it, and the comment of each declaration in it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        words = ["protoc", f"-I{protos}", "--include_source_info", f"--descriptor_set_out={out}", PROTO]
        if protoc.main(words) != 0:
            raise RuntimeError(f"protoc does not take {PROTO}; what it said stands above")
        (file,) = pb.FileDescriptorSet.FromString(out.read_bytes()).file
    places = file.source_code_info.location
    return file, {tuple(at.path): at.leading_comments or at.trailing_comments for at in places}


def _page(file: pb.FileDescriptorProto, comments: dict[Path_, str]) -> Iterator[str]:
    yield f"# gRPC\n\nThe service `{file.package}.{file.service[0].name}`, as its [.proto](symae.proto) declares it.\n"
    yield from _head(comments[(PACKAGE,)])
    for number, service in enumerate(file.service):
        yield from _service(service, (SERVICES, number), comments)
    yield "\n## Messages\n"
    for number, message in enumerate(file.message_type):
        yield from _message(message, (MESSAGES, number), comments)
    yield "\n## Enumerations\n"
    for number, enum in enumerate(file.enum_type):
        yield from _enum(enum, (ENUMS, number), comments)


def _head(comment: str) -> Iterator[str]:
    """What stands at the top of the file; its list of statuses becomes a table."""
    rows = False
    for line in re.sub(r"\n {10,}", " ", comment).splitlines():  # a line that goes on belongs to the one before
        status = STATUS.match(line)
        if status and not rows:
            yield "\n## Statuses\n\n| status | when |\n| --- | --- |"
        if status:
            yield f"| `{status[1]}` | {_flow(status[2])} |"
        elif not line.strip().startswith("Statuses"):
            yield f"\n{line.strip()}" if rows else line.strip()
        rows = bool(status)


def _service(service: pb.ServiceDescriptorProto, at: Path_, comments: dict[Path_, str]) -> Iterator[str]:
    yield f"\n## {service.name}\n\n{_flow(comments.get(at, ''))}\n"
    yield "| call | request | answer | |\n| --- | --- | --- | --- |"
    for number, call in enumerate(service.method):
        asked = ("stream " if call.client_streaming else "") + _link(call.input_type)
        answered = ("stream " if call.server_streaming else "") + _link(call.output_type)
        yield f"| `{call.name}` | {asked} | {answered} | {_flow(comments.get((*at, MEMBERS, number), ''))} |"


def _message(message: pb.DescriptorProto, at: Path_, comments: dict[Path_, str]) -> Iterator[str]:
    yield f"\n### {message.name}\n\n{_flow(comments.get(at, ''))}\n"
    yield "| field | type | number | |\n| --- | --- | --- | --- |"
    for number, field in enumerate(message.field):
        told = _flow(comments.get((*at, MEMBERS, number), ""))
        choice = f"one of `{message.oneof_decl[field.oneof_index].name}`: " if field.HasField("oneof_index") else ""
        yield f"| `{field.name}` | {_type(field, message)} | {field.number} | {choice}{told} |"


def _enum(enum: pb.EnumDescriptorProto, at: Path_, comments: dict[Path_, str]) -> Iterator[str]:
    yield f"\n### {enum.name}\n\n{_flow(comments.get(at, ''))}\n\n| value | number | |\n| --- | --- | --- |"
    for number, value in enumerate(enum.value):
        yield f"| `{value.name}` | {value.number} | {_flow(comments.get((*at, MEMBERS, number), ''))} |"


def _type(field: pb.FieldDescriptorProto, message: pb.DescriptorProto) -> str:
    entry = next((nested for nested in message.nested_type if field.type_name.endswith(f".{nested.name}")), None)
    if entry is not None and entry.options.map_entry:
        return f"map of {_type(entry.field[0], entry)} to {_type(entry.field[1], entry)}"
    plain = pb.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    name = _link(field.type_name) if field.type_name else f"`{plain}`"
    return f"repeated {name}" if field.label == pb.FieldDescriptorProto.LABEL_REPEATED else name


def _link(full: str) -> str:
    name = full.rpartition(".")[2]
    return f"[{name}](#{name.lower()})"


def _flow(comment: str) -> str:
    return " ".join(comment.split()).replace("|", "\\|")
