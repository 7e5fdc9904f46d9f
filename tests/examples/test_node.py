"""The Node.js example against a real server."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from serve.channel import SERVICE_CONFIG
from serve.client import Client
from serve.errors import OverloadError, UnavailableError
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.protocol.status import to_wire

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/node"
PACKAGES = Path(os.environ.get("SYMAE_NODE_MODULES", EXAMPLE / "node_modules"))
needs_packages = pytest.mark.skipif(
    not shutil.which("node") or not (PACKAGES / "@grpc/grpc-js").is_dir(),
    reason="needs node, and npm install in examples/node (or SYMAE_NODE_MODULES: the node_modules of another folder)",
)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A function from arguments to the finished example; it runs on a copy, whose packages may lie elsewhere."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(EXAMPLE, copy / "examples/node", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(ROOT / "protos", copy / "protos")
    (copy / "examples/node/node_modules").symlink_to(PACKAGES.resolve())

    def run(*arguments, **environment):
        command = ["node", copy / "examples/node/symae.js", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment
        )

    return run


@pytest.fixture(scope="module")
def address(serving):
    with serving() as address:
        yield address


@contextlib.contextmanager
def refusing(errors):
    """A server that refuses the first calls as ours would, and then answers an embedding."""
    left = list(errors)

    def embed(_request, context):
        if left:
            status = to_wire(left.pop(0), "id")
            context.set_trailing_metadata(status.trailers)
            context.abort(status.code, status.message)
        return pb.EmbedResponse(embeddings=pb.FloatTensor(shape=[1, 1], data=np.float32(7).tobytes()))

    handler = grpc.unary_unary_rpc_method_handler(embed, pb.EmbedRequest.FromString, pb.EmbedResponse.SerializeToString)
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("symae.v1.SymaeService", {"Embed": handler}),)
        )
        port = server.add_insecure_port("localhost:0")
        server.start()
        yield f"localhost:{port}"
        server.stop(None).wait()


def lines(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_packages_have_exact_versions_and_no_registry():
    package = json.loads((EXAMPLE / "package.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["dependencies"].values())
    assert not (EXAMPLE / "package-lock.json").exists()


def test_the_messages_of_errors_are_those_of_google():
    from google.rpc import error_details_pb2, status_pb2

    text = (EXAMPLE / "errors.proto").read_text()
    for name in ("Status", "ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo"):
        body = re.search(rf"^message {name} {{(.*?)^}}", text, re.MULTILINE | re.DOTALL).group(1)
        fields = dict(re.findall(r"^  (?:repeated )?[\w.]+ (\w+) = (\d+);", body, re.MULTILINE))
        theirs = getattr(status_pb2 if name == "Status" else error_details_pb2, name).DESCRIPTOR.fields_by_name
        assert {field: theirs[field].number for field in fields} == {field: int(n) for field, n in fields.items()}


def test_the_same_is_tried_again_as_by_our_own_clients():
    theirs = json.loads((EXAMPLE / "service-config.json").read_text())
    assert theirs["methodConfig"] == json.loads(SERVICE_CONFIG)["methodConfig"]


@needs_packages
def test_models_are_listed(node, address):
    done = node("models", "--address", address)
    assert "toy-encoder version 1: MODEL_KIND_ENCODER on CPUExecutionProvider" in done.stdout


@needs_packages
def test_a_photo_is_restored_as_python_has_it(node, address, photos, tmp_path):
    done = node("restore", photos[0], tmp_path / "out.png", "--address", address)
    assert done.returncode == 0, done.stderr
    with Client(address) as client:
        expected = client.reconstruct([photos[0]]).images[0]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), expected)


@needs_packages
@pytest.mark.parametrize("command", ["embed", "stream"])
def test_embeddings_come_in_order_and_as_python_has_them(node, address, photos, command):
    found = lines(node(command, *photos, "--address", address))
    assert [line["photo"] for line in found] == list(map(str, photos))
    with Client(address) as client:
        expected = client.embed(photos).embeddings
    np.testing.assert_allclose([line["embedding"] for line in found], expected, atol=1e-6)


@needs_packages
@pytest.mark.parametrize("command", ["embed", "stream"])
def test_what_is_wrong_with_a_request_is_named(node, address, photos, tmp_path, command):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    done = node(command, photos[0], bad, "--address", address)
    index = 1 if command == "embed" else 0  # a stream has one photo a request
    assert done.returncode == 1
    assert done.stderr.startswith(f"INVALID_ARGUMENT\n  images[{index}].encoded: not an image")
    assert len(done.stdout.splitlines()) == (command == "stream")  # what was asked before it is answered


@needs_packages
def test_a_deadline_ends_the_call(node, address, photos, tmp_path):
    done = node("restore", photos[0], tmp_path / "out.png", "--address", address, "--timeout", 1)
    assert done.returncode == 1
    assert done.stderr.startswith("DEADLINE_EXCEEDED")


@needs_packages
def test_unavailable_is_tried_again_by_grpc(node, photos):
    with refusing([UnavailableError("the server is stopping")] * 2) as address:
        assert lines(node("embed", photos[0], "--address", address))[0]["embedding"] == [7]


@needs_packages
def test_a_full_queue_says_when_to_come_back(node, photos):
    full = OverloadError("the queue is full: try again in 0.20 s", retry_after=0.2)
    with refusing([full]) as address:
        done = node("embed", photos[0], "--address", address)
        assert done.returncode == 1
        assert done.stderr.splitlines()[1] == "  try again in 200 ms"
    with refusing([full]) as address:
        assert lines(node("embed", photos[0], "--address", address, "--patience", 5000))[0]["embedding"] == [7]


@needs_packages
def test_tls_a_certificate_and_a_token(node, serving, certificates, tmp_path):
    (tmp_path / "tokens").write_text("a-token-of-the-example\n")
    changes = certificates.server | {"tls_client_ca": str(certificates.root), "tokens": str(tmp_path / "tokens")}
    with serving(**changes) as address:
        access = ("--address", address, "--ca", certificates.root, *certificates.caller)
        assert "toy-encoder" in node("models", *access, SYMAE_TOKEN="a-token-of-the-example").stdout
        assert node("models", *access).stderr.startswith("UNAUTHENTICATED")
        assert node("models", "--address", address, "--timeout", 3000).returncode == 1


@needs_packages
def test_wrong_arguments_are_answered_with_the_usage(node):
    done = node("restore", "one.png")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: node symae.js models")
