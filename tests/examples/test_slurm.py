"""The SLURM example with commands that note how they were called, in place of a cluster's."""

import os
import subprocess
from pathlib import Path

import pytest

from symae.cli.train import train
from symae.recipes import find, override

SCRIPT = Path(__file__).parents[2] / "examples/slurm/pretrain.sh"


@pytest.fixture
def called(tmp_path):
    """Run the script where srun ends with a code; what it called, a line each."""
    for name, ending in (("srun", "exit $CODE"), ("scontrol", "exit 0")):
        command = tmp_path / name
        command.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\n{ending}\n')
        command.chmod(0o755)

    def run(code: int) -> tuple[int, list[str]]:
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "CODE": str(code), "SLURM_JOB_ID": "77"}
        done = subprocess.run([SCRIPT, "/data", "/run"], env=environment, check=False)
        return done.returncode, (tmp_path / "called").read_text().splitlines()

    return run


def test_what_each_task_runs_is_a_command_of_ours(called):
    code, (line,) = called(0)
    assert code == 0
    srun, _, command = line.partition(" symae train ")
    assert "--kill-on-bad-exit=1" in srun
    given = train.make_context("symae train", command.split()).params
    assert given["resume"] and given["devices"] == 1
    assert override(find(given["recipe"]), given["settings"]).batch_size == 1024


@pytest.mark.parametrize("code", [130, 143])
def test_what_was_stopped_in_time_waits_for_its_next_turn(called, code):
    ended, lines = called(code)
    assert ended == 0
    assert lines[1:] == ["scontrol requeue 77"]


def test_what_failed_stays_failed(called):
    code, lines = called(2)
    assert code == 2
    assert len(lines) == 1
