import subprocess
import sys
import tomllib
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from serve import server, shipped
from serve.lifecycle import watch
from serve.options import options
from symae.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["serve", *map(str, arguments)])


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path / "none", "no such model repository"),
        (lambda path: path, "no model in"),
        (lambda path: (path / "bad.onnx").write_bytes(b"x") and path / "bad.onnx", "damaged, or no ONNX model"),
    ],
)
def test_no_repository_is_one_line_and_exit_2(tmp_path, prepare, message):
    result = run(prepare(tmp_path))
    assert result.exit_code == 2
    assert result.stderr.startswith("symae: ") and result.stderr.count("\n") == 1
    assert message in result.stderr


def test_a_bad_configuration_is_one_line_and_exit_2(tmp_path):
    (tmp_path / "serve.toml").write_text("graze = 1")
    result = run(tmp_path, "--config", tmp_path / "serve.toml")
    assert result.exit_code == 2
    message = f"symae: unknown option 'graze', did you mean 'grace'? (file {tmp_path / 'serve.toml'})\n"
    assert result.stderr == message


def test_threads_are_no_less_than_none(tmp_path):
    result = run(tmp_path, "--threads", "-1")
    assert result.exit_code == 2
    assert result.stderr == "symae: threads must be at least 0, got -1\n"


def test_the_printed_configuration_can_be_fed_back(tmp_path, monkeypatch):
    (tmp_path / "serve.toml").write_text("batch_images = 7\ngrace = 3\n")
    monkeypatch.setenv("SYMAE_SERVE_GRACE", "4")
    monkeypatch.setenv("SYMAE_SERVE_CONFIG", str(tmp_path / "serve.toml"))
    first = run("--print-config", "--tf32", "true", "--provider", "CUDA", "--providers", "CPU")
    assert first.exit_code == 0
    assert tomllib.loads(first.stdout)["providers"] == ["CUDA", "CPU"]
    for line in ("batch_images = 7", "grace = 4.0", "tf32 = true"):
        assert line in first.stdout
    monkeypatch.undo()
    (tmp_path / "again.toml").write_text(first.stdout)
    again = run("--config", tmp_path / "again.toml", "--print-config")
    assert tomllib.loads(again.stdout) == tomllib.loads(first.stdout)


def test_help_lists_every_key():
    listed = run("--help").stdout
    assert all(f" {option.flag}" in listed for option in options())


def test_help_has_an_example():
    done = subprocess.run(
        [sys.executable, "-c", "from symae.cli import main; main(['serve', '--help'])"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert "symae serve models/ --address" in done.stdout


def test_without_models_the_shipped_one_is_served(tmp_path, monkeypatch):
    folder = tmp_path / "shipped"
    monkeypatch.setattr(shipped, "FOLDER", folder)
    result = run()
    assert result.exit_code == 2
    assert result.stderr.startswith("symae: this symae was installed without its own model")
    (folder / "photos-autoencoder" / "1").mkdir(parents=True)
    (folder / "photos-autoencoder" / "1" / "model.onnx").write_bytes(b"")
    asked = []
    watched = SimpleNamespace(load=list)
    monkeypatch.setattr(watch, "Watch", lambda repository, config: asked.append(repository) or watched)
    monkeypatch.setattr(server, "serve_until_stopped", lambda sessions, config, ready, watch: ready("here"))
    result = run()
    assert asked == [folder]
    assert result.stderr.startswith("serving photos-autoencoder version 1, which comes with symae: trained to")
    assert result.stdout == "ready on here\nstopped\n"
