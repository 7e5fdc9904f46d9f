from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from serve.config import ServeConfig
from serve.fronts.child import MARGIN, drain_seconds
from serve.options import resolve
from symae.cli import main

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="session")
def deploy() -> Path:
    return DEPLOY


@pytest.fixture(scope="session")
def config() -> ServeConfig:
    """What Compose and Kubernetes give the server."""
    return resolve(DEPLOY / "kubernetes/base/serve.toml", {}, {}).config


@pytest.fixture(scope="session")
def stopping(config) -> float:
    """Seconds that a server with this configuration takes to stop, at most."""
    return drain_seconds(config) + MARGIN


@pytest.fixture(scope="session")
def base():
    """The manifests of the base, by kind."""
    files = yaml.safe_load((DEPLOY / "kubernetes/base/kustomization.yaml").read_text())["resources"]
    documents = [yaml.safe_load((DEPLOY / "kubernetes/base" / name).read_text()) for name in files]
    return {document["kind"]: document for document in documents}


@pytest.fixture(scope="session")
def instructions():
    """The Dockerfile as (stage, instruction, argument)."""
    text = "\n".join(
        line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")
    )
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    parts, stage = [], -1
    for line in lines:
        word, _, argument = line.partition(" ")
        stage += word == "FROM"
        parts.append(SimpleNamespace(stage=stage, word=word, argument=argument.strip()))
    return parts


@pytest.fixture(scope="session")
def argument(instructions):
    """A function from an instruction that the image has once to its argument."""

    def find(word):
        (found,) = [part.argument for part in instructions if part.word == word and part.stage == 1]
        return found

    return find


@pytest.fixture(scope="session")
def parsed():
    """A function that has the command line read arguments and do nothing; gives the parameters."""

    def parse(arguments):
        context = main.make_context("symae", [], resilient_parsing=True)
        name, command, rest = main.resolve_command(context, list(arguments))
        return command.make_context(name, rest).params

    return parse
