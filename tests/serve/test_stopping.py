import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serve.stopping import ENDED, stoppable

LOADING = (
    "import time\nfrom serve.stopping import stoppable\n"
    "with stoppable():\n    print('loading', flush=True)\n    time.sleep(60)\n"
)


def test_a_stop_while_loading_ends_the_process():
    with subprocess.Popen([sys.executable, "-c", LOADING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == ENDED  # by its own decision: -SIGTERM would be the kernel's


def test_the_handler_before_comes_back():
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a pid namespace needs Linux and root")
def test_the_first_process_of_a_container_hears_a_stop():
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", LOADING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if process.stdout.readline() != "loading\n":
            pytest.skip(f"no pid namespace here, as in a container without that right: {process.stderr.read().strip()}")
        (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(first), signal.SIGTERM)
        assert process.wait(10) == ENDED
