"""The pages of the documents, and a reader who does what they say."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from serve.config import ServeConfig
from serve.server import load_sessions, running
from symae.cli import main
from symae.data import NAMES
from symae.recipes import find

ROOT = Path(__file__).parents[2]
ADDRESS = "127.0.0.1:50051"  # as the documents write it

NOT_RUN = {  # how a command begins -> why no test runs it; those of symae are parsed, with all their options
    "pip install": "needs a package index; benchmarks/installation.py does it",
    "make ": "sets up environments and takes minutes; its targets are looked up",
    ".ci/run": "runs these tests",
    "symae ui": "needs a browser; tests/symae/ui/ drives one",
    "symae demo": "takes minutes; tests/symae/test_demo.py runs it shrunk",
    "symae export runs/pretrain --repository models/ --name photos --precision int8": "refuses a network of one epoch; "
    "tests/export/test_precision.py has a trained one",
    "symae embed models/classify-encoder s3:": "needs a store and a cluster; tests/serve/features/ has both in small",
    "torchrun": "needs two machines with GPUs; tests/symae/test_launch.py reads its environment",
    "sbatch": "needs SLURM; tests/symae/test_world.py reads its environment",
    "docker": "needs Docker; tests/deploy/ reads the recipes",
    "MODELS=./models docker": "needs Docker; tests/deploy/ reads the recipes",
    "kubectl": "needs a cluster; tests/deploy/ reads the manifests",
    "tritonserver": "needs NVIDIA's server; tests/deploy/test_triton.py runs it where it is",
    "python -m venv triton": "needs NVIDIA's server; tests/deploy/test_triton.py runs it where it is",
    "deploy/triton/serve.sh": "needs NVIDIA's server; tests/deploy/test_triton.py runs it where it is",
    "SYMAE_TRITON": "needs NVIDIA's server; tests/deploy/test_triton.py runs it where it is",
    "perf_analyzer": "needs NVIDIA's client",
    "grpcurl": "needs grpcurl; tests/serve/protocol/ asks for the reflection that it uses",
    "node ": "needs Node.js; tests/examples/ runs it where it is",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "needs a collector; tests/serve/observing/ has one",
}


def commands(block):
    """The commands of a shell block: lines joined where one goes on, comments left out."""
    command = ""
    for line in block.splitlines():
        command += line
        try:
            words = shlex.split(command, comments=True)
        except ValueError:  # a quotation goes on
            command += "\n"
            continue
        if command.endswith("\\"):
            command = command[:-1]
            continue
        if words:
            yield command.strip()
        command = ""
    assert not command, command


def reason(command):
    """Why no test runs a command; empty: one does."""
    return next((why for begins, why in NOT_RUN.items() if command.startswith(begins)), "")


def shrunk(words):
    """A command of symae that takes less: one epoch of a few channels in one process, few layers, a short load."""
    if words[0] == "train":
        recipe = find(words[1])
        small = {
            "epochs": 1,
            "batch_size": 128 if recipe.data in NAMES else 8,
            "crop": 21,
            "resize": "null",
            "validation": 0.25,
            "milestones": "[]",
        }
        small |= {"network.width": 4 / recipe.network.full[0].channels, "validate_every": 1}
        small |= {"labels": 8} if recipe.labels else {}
        small |= {"labels_first": 0, "unlabelled": 8} if recipe.unlabelled else {}
        words = [word for word in words if word != "--devices" and words[words.index(word) - 1] != "--devices"]
        return [
            *words,
            *(word for pair in small.items() for word in ("--set", "=".join(map(str, pair)))),
            "--device",
            "cpu",
        ]
    if words[0] == "probe":
        return [*words, "--layers", "1,2", "--labels", "12"]
    if words[0] == "bench":
        return [*words, "--callers", "1", "--duration", "0.1", "--warm-up", "0.1"]
    return words


def parse(words):
    """Have click read a command of symae, without running it."""
    command = main.get_command(click.Context(main), words[0])
    assert command is not None, words
    command.make_context(words[0], list(words[1:]))


@dataclass
class Shelf:
    """What was made once and is there for every page: the outcome of each training and export, by its words."""

    made: dict[tuple[str, ...], tuple[Path, list[Path]]] = field(default_factory=dict)
    served: set[tuple[str, ...]] = field(default_factory=set)


@dataclass(frozen=True)
class Reader:
    """Somebody in a folder who does what a page says."""

    folder: Path
    address: str
    shelf: Shelf
    environment: dict[str, str]

    def follow(self, command):
        """Type one command."""
        saved = re.fullmatch(r"(symae [^|&;<>]+) > (\S+)", command)
        if saved:
            Path(saved[2]).write_text(self._symae(shlex.split(saved[1])[1:]))
            return
        words = shlex.split(command, comments=True)
        if reason(command):
            if words[0] == "symae":
                parse(words[1:])
        elif re.search(r"[|&;<>$`*?{}]", re.sub(r"'[^']*'|\"[^\"$]*\"|\s#.*", "", command)):
            self._run(["bash", "-euo", "pipefail", "-c", command.replace(ADDRESS, self.address)])
        else:
            with pytest.MonkeyPatch.context() as patch:
                while "=" in words[0]:
                    patch.setenv(*words.pop(0).split("=", 1))
                self._type(words)

    def _type(self, words):
        if words[:2] == ["symae", "serve"] and "--print-config" not in words:
            self._serve(words)
        elif words[:2] in (["symae", "train"], ["symae", "export"]):
            self._make(tuple(words))
        elif words[0] == "symae":
            self._symae([word.replace(ADDRESS, self.address) for word in words[1:]])
        elif words[:2] == ["python", "-c"]:
            self.program(words[2])
        elif words[:2] == ["python", "-m"]:
            self._module(words[2], words[3:])
        else:
            self._run(words)

    def program(self, text):
        """Run a Python program; one with stubs of its own in another process, for one has room for one set of them."""
        text = text.replace(ADDRESS, self.address)
        if "from stubs." in text:
            self._run([sys.executable, "-c", text])
        else:
            exec(compile(text, "<page>", "exec"), {"__name__": "__main__"})

    def _symae(self, words):
        done = CliRunner().invoke(main, shrunk(words), prog_name="symae")
        if done.exit_code and done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    def _make(self, words):
        """Train or export, or take what the same words have made on another page."""
        if words not in self.shelf.made:
            before = set(self.folder.glob("*/*"))
            self._symae(list(words[1:]))
            self.shelf.made[words] = self.folder, sorted(set(self.folder.glob("*/*")) - before)
            return
        source, paths = self.shelf.made[words]
        for path in paths:
            shutil.copytree(path, self.folder / path.relative_to(source))

    def _serve(self, words):
        """Start a server and stop it as one stops it; the same words once for all pages."""
        if tuple(words) in self.shelf.served:
            return
        self.shelf.served.add(tuple(words))
        words = [word.replace(ADDRESS, "127.0.0.1:0") for word in words]
        if "--address" not in words:
            words += ["--address", "127.0.0.1:0"]
        with subprocess.Popen(
            [sys.executable, "-m", *words], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert any(line.startswith("ready on ") for line in process.stdout), "it ended before it was ready"
            process.terminate()
            assert process.stdout.read().endswith("stopped\n")
        assert process.returncode == 0

    def _module(self, name, words):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [name, *words])
            patch.delitem(sys.modules, name, raising=False)  # or runpy warns of what another test has imported
            try:
                runpy.run_module(name, run_name="__main__", alter_sys=True)
            except SystemExit as ended:
                assert not ended.code, f"python -m {name} ended with {ended.code}"

    def _run(self, words):
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def models(tmp_path_factory, toys):
    """The repository that the pages on serving begin with: a model of each kind."""
    folder = tmp_path_factory.mktemp("served") / "models"
    for name in ("photos-autoencoder", "classify-encoder", "classify-classifier", "segment-segmenter"):
        toys.WRITERS[name.split("-")[1]](folder / name / "1" / "model.onnx")
    return folder


@pytest.fixture(scope="session")
def address(models):
    """One server for all pages."""
    config = ServeConfig(address="127.0.0.1:0", threads=1, grace=5)
    with running(load_sessions(models, config), config) as address:
        yield address


@pytest.fixture(scope="session")
def pictures(tmp_path_factory, class_folder, label_folder, map_folder):
    """What a reader has of their own: pictures, some with labels."""
    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    (folder / "photos").mkdir()
    for name in ("photo.jpg", "other.jpg", "torn.png", *(f"photos/{number}.png" for number in range(12))):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(folder / name)
    Image.fromarray(np.eye(40, 48, dtype=np.uint8) * 255).save(folder / "holes.png")
    for name, source in {
        "labelled": class_folder,
        "CIFAR": class_folder,
        "tagged": label_folder,
        "maps": map_folder,
    }.items():
        (folder / name).symlink_to(source)
    (folder / "protos").symlink_to(ROOT / "protos")
    (folder / "bin").mkdir()
    for name, words in (("symae", "-m symae"), ("python", "")):  # for what a shell has to do
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def shelf():
    return Shelf()


@pytest.fixture
def reader(tmp_path, pictures, models, address, shelf, monkeypatch):
    """Somebody in a clean folder with pictures of their own and the models of `address`."""
    shutil.copytree(pictures, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYMAE_SERVE_THREADS", "1")
    monkeypatch.syspath_prepend(str(ROOT))  # `python -m benchmarks...`
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return Reader(tmp_path, address, shelf, environment)
