"""The committed stubs are what `make stubs` writes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROTOS = sorted(path.relative_to(ROOT / "protos") for path in (ROOT / "protos").rglob("*.proto"))


def test_generated_stubs_are_fresh(tmp_path):
    pytest.importorskip("grpc_tools", reason="needs grpcio-tools, of the dev extra")
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-Iserve/pb={ROOT / 'protos'}"]
    command += [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run([*command, *(f"serve/pb/{proto}" for proto in PROTOS)], check=True, cwd=tmp_path, timeout=60)
    generated = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*_pb2*"))
    assert len(generated) == 3 * len(PROTOS)
    for path in generated:
        assert (ROOT / path).read_bytes() == (tmp_path / path).read_bytes(), f"{path} is stale: run make stubs"


def test_every_call_has_its_own_messages():
    from serve.pb.symae.v1 import symae_pb2 as pb

    for method in pb.DESCRIPTOR.services_by_name["SymaeService"].methods:
        assert (method.input_type.name, method.output_type.name) == (f"{method.name}Request", f"{method.name}Response")
    for enum in pb.DESCRIPTOR.enum_types_by_name.values():
        assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")
