import os
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from symae.cli import main


def offered(*words):
    *before, last = words
    return [item.value for item in ShellComplete(main, {}, "symae", "_SYMAE_COMPLETE").get_completions(before, last)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with runs and models, to stand in."""
    for run in ("runs/pretrain", "runs/classify"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "recipe.json").touch()
    (tmp_path / "photos").mkdir()
    for model in ("models/a-classifier", "models/b-encoder"):
        (tmp_path / model).mkdir(parents=True)
        (tmp_path / model / "config.pbtxt").touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_every_shell(shell):
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0 and "_SYMAE_COMPLETE" in done.stdout


def test_commands_recipes_and_tables(here):
    assert offered("se") == ["serve", "segment"]
    assert offered("train", "table2-r") == ["table2-random"]
    assert "table2" in offered("report", "table")
    assert offered("report", "par") == ["parity"]


@pytest.mark.parametrize("typed", ["", "runs/", "runs", "./runs/"])
def test_runs(here, typed):
    start = "./" if typed.startswith("./") else ""
    assert offered("export", typed) == [f"{start}runs/classify", f"{start}runs/pretrain"]
    assert offered("evaluate", "runs/p") == ["runs/pretrain"]
    assert offered("compare", "runs/pretrain", "runs/c") == ["runs/classify"]
    assert offered("visualize", "runs/pretrain", "--beside", "runs/c") == ["runs/classify"]


def test_without_pytorch_nothing_is_offered(monkeypatch):
    monkeypatch.setitem(sys.modules, "symae.recipes", None)  # as if its import failed
    assert offered("train", "") == offered("report", "") == []


def test_models(here):
    assert offered("classify", "x.jpg", "--models", "models", "--model", "a") == ["a-classifier"]
    assert offered("classify", "x.jpg", "--model", "") == ["a-classifier", "b-encoder"]


def test_bash_completes(here):
    script = subprocess.run(
        [sys.executable, "-m", "symae", "completion", "bash"], capture_output=True, text=True, check=True
    )
    environment = {**os.environ, "COMP_WORDS": "symae rec", "COMP_CWORD": "1", "_SYMAE_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", "from symae.cli import main; main(prog_name='symae')"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert "complete -o nosort -F" in script.stdout
    assert done.stdout.split() == ["plain,recipes", "plain,reconstruct"]
