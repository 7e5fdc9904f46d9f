from click.testing import CliRunner

from symae.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["health", *map(str, arguments)])


def test_a_server_that_is_not_there_is_one_line_and_exit_1():
    result = run("localhost:1", "--timeout", 2)
    assert result.exit_code == 1
    assert result.stderr == "symae: nobody answers at localhost:1 within 2 s: is symae serve running there?\n"


def test_a_timeout_is_above_0():
    assert run("--timeout", 0).exit_code == 2
