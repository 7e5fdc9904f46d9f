"""Our own proto keeps those of buf's STANDARD rules that callers in other languages feel, and is commented."""

import re
from pathlib import PurePosixPath

import pytest

ROOT = PurePosixPath(__file__).parents[2] / "protos"
OURS = "symae/v1/symae.proto"
PASCAL, SNAKE, UPPER = r"[A-Z][A-Za-z0-9]*", r"[a-z][a-z0-9]*(_[a-z0-9]+)*", r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*"
BAD = """
syntax = "proto2";
package Bad.pkg;
service Caller {
  rpc do_it(Shared) returns (Shared);
  // With a comment.
  rpc Ask(AskRequest) returns (Answer);
}
message Shared { required int32 Wrong = 1; oneof Choice { int32 a = 2; } }
message AskRequest { message inner { enum Deep { NOTHING = 0; } } }
message Answer {}
enum color { option allow_alias = true; COLOR_RED = 0; COLOR_ROT = 0; blue = 1; }
"""
EXPECTED = """\
FILE_LOWER_SNAKE_CASE BadName.proto
PACKAGE_LOWER_SNAKE_CASE Bad.pkg
PACKAGE_VERSION_SUFFIX Bad.pkg
PACKAGE_DIRECTORY_MATCH Bad.pkg
SYNTAX_SPECIFIED BadName.proto
SERVICE_SUFFIX Caller
COMMENT_SERVICE Caller
RPC_PASCAL_CASE Caller.do_it
COMMENT_RPC Caller.do_it
RPC_REQUEST_STANDARD_NAME Caller.do_it
RPC_RESPONSE_STANDARD_NAME Caller.do_it
RPC_RESPONSE_STANDARD_NAME Caller.Ask
RPC_REQUEST_RESPONSE_UNIQUE Shared
COMMENT_MESSAGE Shared
FIELD_LOWER_SNAKE_CASE Shared.Wrong
FIELD_NOT_REQUIRED Shared.Wrong
ONEOF_LOWER_SNAKE_CASE Shared.Choice
MESSAGE_PASCAL_CASE AskRequest.inner
COMMENT_MESSAGE AskRequest.inner
ENUM_VALUE_PREFIX AskRequest.inner.Deep.NOTHING
ENUM_ZERO_VALUE_SUFFIX AskRequest.inner.Deep
COMMENT_ENUM AskRequest.inner.Deep
COMMENT_MESSAGE Answer
ENUM_PASCAL_CASE color
ENUM_NO_ALLOW_ALIAS color
ENUM_VALUE_UPPER_SNAKE_CASE color.blue
ENUM_VALUE_PREFIX color.blue
ENUM_ZERO_VALUE_SUFFIX color
COMMENT_ENUM color
"""


def test_our_proto_keeps_the_rules(compiled):
    assert list(complaints(compiled(ROOT, OURS))) == []


def test_each_rule_finds_what_breaks_it(compiled, tmp_path):
    (tmp_path / "BadName.proto").write_text(BAD)
    found = list(complaints(compiled(tmp_path, "BadName.proto")))
    assert sorted(found) == sorted(EXPECTED.splitlines())


@pytest.mark.parametrize("package", ["a.v1", "a.v1beta2", "a_b.c.v20"])
def test_versions_that_are_versions(compiled, tmp_path, package):
    path = PurePosixPath(package.replace(".", "/")) / "good.proto"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(f'syntax = "proto3"; package {package};')
    assert list(complaints(compiled(tmp_path, path))) == []


def complaints(file):
    """Yield RULE and name of what breaks it; rules and names are buf's."""
    commented = {tuple(place.path) for place in file.source_code_info.location if comment(place)}
    yield from of_file(file)
    calls = {kind for service in file.service for method in service.method for kind in types(method)}
    for index, service in enumerate(file.service):
        yield from of_service(service, (6, index), commented)
    yield from shared(file)
    for index, message in enumerate(file.message_type):
        yield from of_message(message, message.name, (4, index), commented, calls)
    for index, enum in enumerate(file.enum_type):
        yield from of_enum(enum, enum.name, (5, index), commented)


def of_file(file):
    path = PurePosixPath(file.name)
    if not re.fullmatch(SNAKE, path.stem):
        yield f"FILE_LOWER_SNAKE_CASE {file.name}"
    if not all(re.fullmatch(SNAKE, part) for part in file.package.split(".")):
        yield f"PACKAGE_LOWER_SNAKE_CASE {file.package}"
    if not re.fullmatch(r"v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?", file.package.rpartition(".")[2]):
        yield f"PACKAGE_VERSION_SUFFIX {file.package}"
    if str(path.parent) != file.package.replace(".", "/"):
        yield f"PACKAGE_DIRECTORY_MATCH {file.package}"
    if file.syntax != "proto3":
        yield f"SYNTAX_SPECIFIED {file.name}"


def of_service(service, place, commented):
    if not re.fullmatch(PASCAL, service.name):
        yield f"SERVICE_PASCAL_CASE {service.name}"
    if not service.name.endswith("Service"):
        yield f"SERVICE_SUFFIX {service.name}"
    if place not in commented:
        yield f"COMMENT_SERVICE {service.name}"
    for index, method in enumerate(service.method):
        name = f"{service.name}.{method.name}"
        request, response = types(method)
        if not re.fullmatch(PASCAL, method.name):
            yield f"RPC_PASCAL_CASE {name}"
        if (*place, 2, index) not in commented:
            yield f"COMMENT_RPC {name}"
        if request not in (f"{method.name}Request", f"{service.name}{method.name}Request"):
            yield f"RPC_REQUEST_STANDARD_NAME {name}"
        if response not in (f"{method.name}Response", f"{service.name}{method.name}Response"):
            yield f"RPC_RESPONSE_STANDARD_NAME {name}"


def shared(file):
    """Yield messages that are not of one call alone."""
    used = [kind for service in file.service for method in service.method for kind in types(method)]
    yield from (f"RPC_REQUEST_RESPONSE_UNIQUE {kind}" for kind in dict.fromkeys(used) if used.count(kind) > 1)


def of_message(message, name, place, commented, calls):
    """A call's own messages need no comment: the call has it."""
    if message.options.map_entry:
        return
    if not re.fullmatch(PASCAL, message.name):
        yield f"MESSAGE_PASCAL_CASE {name}"
    if place not in commented and not (name in calls and re.search(r"(Request|Response)$", name)):
        yield f"COMMENT_MESSAGE {name}"
    for field in message.field:
        if not re.fullmatch(SNAKE, field.name):
            yield f"FIELD_LOWER_SNAKE_CASE {name}.{field.name}"
        if field.label == field.LABEL_REQUIRED:
            yield f"FIELD_NOT_REQUIRED {name}.{field.name}"
    for oneof in message.oneof_decl:
        if not re.fullmatch(SNAKE, oneof.name):
            yield f"ONEOF_LOWER_SNAKE_CASE {name}.{oneof.name}"
    for index, nested in enumerate(message.nested_type):
        yield from of_message(nested, f"{name}.{nested.name}", (*place, 3, index), commented, calls)
    for index, enum in enumerate(message.enum_type):
        yield from of_enum(enum, f"{name}.{enum.name}", (*place, 4, index), commented)


def of_enum(enum, name, place, commented):
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper()
    if not re.fullmatch(PASCAL, enum.name):
        yield f"ENUM_PASCAL_CASE {name}"
    if enum.options.allow_alias:
        yield f"ENUM_NO_ALLOW_ALIAS {name}"
    if place not in commented:
        yield f"COMMENT_ENUM {name}"
    if not enum.value[0].name.endswith("_UNSPECIFIED") or enum.value[0].number:
        yield f"ENUM_ZERO_VALUE_SUFFIX {name}"
    for value in enum.value:
        if not re.fullmatch(UPPER, value.name):
            yield f"ENUM_VALUE_UPPER_SNAKE_CASE {name}.{value.name}"
        if not value.name.startswith(f"{prefix}_"):
            yield f"ENUM_VALUE_PREFIX {name}.{value.name}"


def types(method):
    return method.input_type.rpartition(".")[2], method.output_type.rpartition(".")[2]


def comment(place):
    return place.leading_comments.strip() or place.trailing_comments.strip()
