"""The command as users run it, on small real models."""

import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from serve.shipped import FOLDER
from symae.cli import main

QUICK = ("--duration", "0.2", "--warm-up", "0.1")
SIZE = ("--size", "16x16")


def run(*arguments):
    return CliRunner().invoke(main, ["bench", *map(str, arguments)])


def test_a_repository_at_all_levels(tmp_path):
    picture = tmp_path / "b.png"
    result = run(FOLDER, *QUICK, *SIZE, "--callers", "1,2", "--json", "--plot", picture)
    assert result.exit_code == 0, result.output
    points = json.loads(result.stdout)
    assert [(p["level"], p["payload"]["images"], p["load"]["callers"]) for p in points["results"]] == [
        *(("runtime", batch, 1) for batch in (1, 2, 4, 8, 16, 32)),
        *((level, 1, callers) for level in ("in process", "gRPC") for callers in (1, 2)),
    ]
    for point in points["results"]:
        assert point["figures"]["images_per_second"] > 0 and point["figures"]["errors"] == {}
    assert points["results"][-1]["figures"]["server_cpu"] > 0
    assert {"device", "versions", "date"} <= points.keys()
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "images/s" in result.stderr and "batch 32" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is neither a model repository nor HOST:PORT"),
        (["localhost:1", "--config", "c.toml"], "--config is for the server that is started"),
        (["localhost:1"], "failed to connect"),
        ([FOLDER, "--model", "none"], "--model must name one of the models that are served, got 'none'"),
        ([FOLDER, "--callers", "1,x"], "expected numbers above 0"),
        ([FOLDER, "--size", "16"], "expected height and width"),
    ],
)
def test_what_is_wrong_is_said(arguments, message):
    result = run(*arguments, *QUICK)
    assert result.exit_code in (1, 2)
    assert message in result.stderr and "Traceback" not in result.stderr


def test_ctrl_c_gives_the_figures_so_far(interruptible):
    command = [sys.executable, "-m", "symae", "bench", str(FOLDER), "--duration", "60", "--warm-up", "0", *SIZE]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as bench:
        assert any(line.startswith(b"seconds: ") for line in bench.stderr)  # the first is told after ten
        bench.send_signal(signal.SIGINT)
        try:
            output, complaints = bench.communicate(timeout=30)
        finally:
            bench.kill()
    assert bench.returncode == 130, complaints
    (point,) = json.loads(output)["results"]
    assert point["whole"] is False and point["figures"]["calls"] > 0
    assert b"ended early" in complaints and b"Traceback" not in complaints
