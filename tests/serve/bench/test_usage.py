import subprocess
import sys
import time

import pytest

from serve.bench.usage import usage_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
BUSY = "x = bytearray(50_000_000)\nimport time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"


@pytest.mark.parametrize("program", [BUSY, PARENT])
def test_what_a_process_and_its_children_use(program):
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        usage = usage_of(process.pid)
        process.stdin.write(b"\n")
    assert 0.25 < usage.cpu < 3
    assert 50e6 < usage.memory < 500e6


def test_who_is_gone_or_not_known():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    time.sleep(0.01)
    assert usage_of(process.pid) is None and usage_of(None) is None
