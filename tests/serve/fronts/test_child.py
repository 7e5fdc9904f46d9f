import subprocess
import sys
import time
from pathlib import Path

import pytest

CHILD = "import time; from serve.fronts.child import _end_with as e; e({parent}); print(1, flush=True); time.sleep(99)"
PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}.format(parent=os.getpid())])
print(child.pid, flush=True)
child.wait()
"""


def test_a_child_that_hears_nothing_ends_with_its_parent():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    pid = parent.stdout.readline().strip()
    assert parent.stdout.readline() == "1\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    ends = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize("arguments", [["99", "1"], []])
def test_who_is_not_started_by_a_supervisor_ends_at_once(arguments):
    command = [sys.executable, "-m", "serve.fronts", *arguments]
    assert subprocess.run(command, capture_output=True, timeout=30).returncode == 1
