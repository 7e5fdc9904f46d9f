"""What is packed: the wheel carries all that is needed to serve and to type-check, and the papers beside it agree."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WINGS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def build(target, folder, source=ROOT):
    """Build as `python -m build --no-isolation` does, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel"))) as file:
        yield file


def tracked(*patterns):
    """Files of the wings that match, as git would list them."""
    found = (path for wing in WINGS for pattern in patterns for path in (ROOT / wing).rglob(pattern))
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def test_the_wheel_has_all_modules_stubs_pages_protocols_and_models(wheel):
    wanted = tracked("*.py", "*.pyi", "*.html", "*.proto", "*.binpb", "*.onnx", "*.pbtxt", "py.typed")
    assert {"serve/py.typed", "symae/py.typed", "export/py.typed"} < wanted
    assert "serve/pb/symae/v1/symae_pb2.pyi" in wanted
    assert wanted <= set(wheel.namelist())


def test_the_shipped_model_is_in_it_whole(wheel):
    name = "serve/shipped/photos-autoencoder/1/model.onnx"
    assert wheel.read(name) == (ROOT / name).read_bytes()


def test_the_wheel_has_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(WINGS)
    assert not [name for name in wheel.namelist() if name.endswith((".pyc", ".ckpt", ".safetensors"))]


def test_the_command_the_licence_and_the_extras_are_told(wheel):
    info = next(name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    assert "symae = symae.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    told = BytesParser().parsebytes(wheel.read(f"{info}/METADATA"))
    assert set(told.get_all("Provides-Extra")) == set(PROJECT["project"]["optional-dependencies"])
    assert told["Version"] != "0.0.0"


def test_serving_asks_for_no_torch():
    extras = PROJECT["project"]["optional-dependencies"]

    def names(extra):
        for line in extras[extra]:
            inner = re.match(r"symae\[(.*)\]", line)
            if inner:
                for other in inner.group(1).split(","):
                    yield from names(other)
            else:
                yield re.match(r"[\w-]+", line).group()

    assert not {"torch", "torchvision", "lightning", "safetensors"} & set(names("serve"))
    assert "torch" in set(names("train"))


def test_a_wheel_can_be_built_from_a_source_archive_where_there_is_no_git(wheel, tmp_path):
    (tmp_path / "sdist").mkdir()
    (tmp_path / "wheel").mkdir()
    with tarfile.open(build("sdist", tmp_path / "sdist")) as file:
        file.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("symae-*")
    with zipfile.ZipFile(build("wheel", tmp_path / "wheel", source)) as again:
        assert sorted(again.namelist()) == sorted(wheel.namelist())  # its version is in one of the names


def test_the_version_without_git_is_that_of_the_last_release():
    releases = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert PROJECT["tool"]["hatch"]["version"]["fallback-version"] == releases[0]


def test_the_citation_names_the_paper_and_the_licence():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["license"] == PROJECT["project"]["license"]
    assert cited["preferred-citation"] == cited["references"][0]
    assert cited["preferred-citation"]["identifiers"][0]["value"] == "arXiv:1611.09119"


def test_the_commands_for_contributors_are_there():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"`?make ([a-z]+)", text)) - {"are"} <= targets
    assert (ROOT / ".ci/run").exists() and ".ci/run" in text
