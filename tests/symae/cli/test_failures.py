import errno
import itertools
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from symae.cli.failures import EXTRAS, told
from symae.errors import Interrupted, RunError


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RunError("no such run"), 2, "no such run"),
        (Interrupted("saved"), 130, "saved"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ModuleNotFoundError(name="torch"), 2, "torch is not installed: pip install 'symae[train]'"),
        (ModuleNotFoundError(name="google.rpc"), 2, "google.rpc is not installed: pip install 'symae[serve]'"),
        (ModuleNotFoundError(name="unheard"), 2, "unheard is not installed: pip install 'symae[all]'"),
        (PermissionError(13, "Permission denied", "out"), 1, "no permission for out: choose another place"),
        (OSError(28, "No space", "out"), 1, "no space left on the device (out): free some and run the same command"),
    ],
)
def test_an_error_is_one_line_and_a_code(error, code, message, capsys):
    with pytest.raises(SystemExit) as ended, told():
        raise error
    assert ended.value.code == code
    line = capsys.readouterr().err
    assert line.startswith(f"symae: {message}") and line.count("\n") == 1


def test_what_nobody_foresaw_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), told():
        raise ZeroDivisionError


def test_a_pipe_that_is_closed_is_left_to_click():
    with pytest.raises(BrokenPipeError) as raised, told():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert raised.value.errno == errno.EPIPE


@pytest.mark.parametrize("command", ["recipes", "--help"])
def test_who_reads_a_line_only_sees_no_traceback(command):
    line = f"{sys.executable} -m symae {command} | head -c 1"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, check=False)
    assert len(done.stdout) == 1 and done.stderr == ""


def test_the_extras_are_those_of_the_package(pytestconfig):
    import tomllib

    extras = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    dists = packages_distributions()

    def required(extra):
        for line in extras[extra]:
            name, _, others = re.match(r"([\w-]+)(\[([\w,]+)\])?", line).groups()
            yield from itertools.chain(*map(required, others.split(","))) if name == "symae" else [name]

    for extra, packages in EXTRAS.items():
        names = set(required(extra))
        assert {p for p in packages.split() if not {d.lower().replace("_", "-") for d in dists[p]} & names} == set()
