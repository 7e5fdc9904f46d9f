import subprocess
import sys

import pytest
from click.testing import CliRunner

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
    assert result.stderr == "symae: unknown option 'graze', did you mean 'grace'?\n"


def test_threads_are_no_less_than_none(tmp_path):
    result = run(tmp_path, "--threads", "-1")
    assert result.exit_code == 2
    assert "-1 is not in the range x>=0" in result.stderr


def test_help_has_an_example():
    done = subprocess.run(
        [sys.executable, "-c", "from symae.cli import main; main(['serve', '--help'])"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert "symae serve models/ --address" in done.stdout
