"""What stands in the documents works: commands and programs run, configurations are read, messages and links exist."""

import contextlib
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import symae
from serve import errors
from serve.channel import SERVICE_CONFIG
from serve.config import ServeConfig
from serve.options import resolve

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "docs/serving.md",
    "docs/calling.md",
    "docs/embedding.md",
    "docs/training.md",
    "docs/scaling.md",
    "docs/installation.md",
    "docs/ui.md",
)
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
ADDRESS = "127.0.0.1:50051"
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    pytest.param(language, text, id=f"{Path(name).stem}-{number}-{language}")
    for name, page in PAGES.items()
    for number, (language, text) in enumerate(re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
]
PROGRAMS = [
    *(block for block in BLOCKS if block.values[0] == "python"),
    *(pytest.param("python", text) for text in re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, toys):
    """Where the reader of the documents stands: a repository, pictures, the .proto and symae on the path."""
    here = tmp_path_factory.mktemp("reader")
    for name in ("photos-autoencoder", "classify-encoder", "classify-classifier", "segment-segmenter"):
        toys.WRITERS[name.split("-")[1]](here / "models" / name / "1" / "model.onnx")
    rng = np.random.default_rng(0)
    (here / "photos").mkdir()
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(here / "photos" / f"{number}.png")
    Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(here / "photo.jpg")
    Image.fromarray(np.eye(40, 48, dtype=np.uint8) * 255).save(here / "holes.png")
    (here / "serve.toml").write_text("batch_images = 16\n")
    network = dataclasses.replace(symae.network2(), width=1 / 24)
    card = symae.ModelCard("pretrain", network, crop=29)
    symae.SymmetricAutoencoder(network).save_pretrained(here / "runs" / "pretrain", card)
    (here / "protos").symlink_to(ROOT / "protos")
    (here / "bin").mkdir()
    for name, module in (("symae", "-m symae"), ("python", "")):
        (here / "bin" / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n')
        (here / "bin" / name).chmod(0o755)
    return here


@pytest.fixture(scope="module")
def environment(folder):
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "SYMAE_SERVE_THREADS": "1"}


@pytest.fixture(scope="module")
def server(folder, environment):
    """A server as the first command of the documents starts it, on a free port; stopped as one stops it."""
    with started(f"symae serve models/ --address {ADDRESS}", folder, environment) as address:
        yield address


@contextlib.contextmanager
def started(command, folder, environment):
    """A command line that serves, until it says where; stopped as one stops it."""
    words = shlex.split(command.replace(ADDRESS, "127.0.0.1:0"))
    process = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    ready = next((line for line in iter(process.stdout.readline, "") if line.startswith("ready on ")), "")
    assert ready, "it ended before it was ready"
    yield ready.removeprefix("ready on ").strip()
    process.terminate()
    assert process.communicate(timeout=60)[0].endswith("stopped\n")
    assert process.returncode == 0


def run(command, folder, environment):
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("language", "text"), [block for block in BLOCKS if block.values[0] == "sh"])
def test_a_command_of_the_documents_runs(language, text, folder, environment, server):
    if text.startswith("symae serve"):
        with started(text, folder, environment) as address:
            assert address
    else:
        run(["bash", "-euo", "pipefail", "-c", text.replace(ADDRESS, server)], folder, environment)


@pytest.mark.parametrize(("language", "text"), PROGRAMS)
def test_a_program_of_the_documents_runs(language, text, folder, environment, server):
    run([sys.executable, "-c", text.replace(ADDRESS, server)], folder, environment)


@pytest.mark.parametrize(("language", "text"), [block for block in BLOCKS if block.values[0] not in ("sh", "python")])
def test_other_blocks_are_what_they_say(language, text, tmp_path):
    (tmp_path / "block").write_text(text)
    match language:
        case "toml":
            resolve(tmp_path / "block", {}, {})
        case "json":
            assert json.loads(text)["methodConfig"] == json.loads(SERVICE_CONFIG)["methodConfig"]
        case "yaml":
            assert list(yaml.safe_load_all(text))
        case "console":
            subprocess.run(["bash", "-n", tmp_path / "block"], check=True)
        case _:
            assert language == ""


def columns(page, heading):
    """The first columns of the tables below a heading, without their head."""
    section = page.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    rows = [row for row in re.findall(r"^\| (.*) \|$", section, re.MULTILINE) if not row.startswith("---")]
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def test_every_status_is_explained():
    listed = {tuple(row[:2]) for row in columns(PAGES["docs/serving.md"], "## Statuses, and what a client should do")}
    trees = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.ServeError)]
    on_the_wire = [cls for cls in trees if not issubclass(cls, errors.SetupError) and cls is not errors.CallError]
    assert {(cls.code.name, f"`{cls.reason}`") for cls in on_the_wire} <= listed


def test_every_limit_is_a_key_of_the_configuration():
    known = {field.name for field in dataclasses.fields(ServeConfig)}
    listed = {
        key
        for row in columns(PAGES["docs/serving.md"], "## Limits and back-pressure")[1:]
        for key in re.findall("`(.*?)`", row[0])
    }
    assert listed <= known


def test_every_metric_is_one_that_is_told():
    told = (ROOT / "serve/observing/metrics.py").read_text()
    named = re.findall(r"`(symae_[a-z_]+)", PAGES["docs/serving.md"])
    assert len(named) > 10
    assert all(name.removesuffix("_total") in told for name in named)


def test_the_messages_that_are_explained_are_said():
    joined = "\n".join(path.read_text() for wing in ("serve", "symae/cli") for path in (ROOT / wing).glob("**/*.py"))
    said = re.sub(r'"\s*\n\s*f?"', "", joined)
    rows = columns(PAGES["docs/serving.md"].partition("Messages of gRPC itself")[0], "## Troubleshooting")[1:]
    for message in (row[0].strip("`") for row in rows):
        for part in re.split(r"\s*…[\s?]*", message):
            part = part.replace("Address already in use; ", "")
            assert part.strip(": ") in said, part


@pytest.mark.parametrize("name", [*PAGES, "README.md"])
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            assert ((ROOT / name).parent / path).exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.*)$", ((ROOT / name).parent / path).read_text(), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}, target
