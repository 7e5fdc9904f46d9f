import dataclasses
import subprocess
import sys
import threading
import time

import pytest

from serve.calling.healthcheck import check_health
from serve.channel import Access
from serve.errors import ModelNotFoundError, UnavailableError
from serve.server import load_sessions, running

FIVE_SECONDS = Access(timeout=5)


@pytest.mark.parametrize("service", ["", "symae.v1.SymaeService", "toy-encoder"])
def test_a_server_that_serves_passes(address, service):
    check_health(address, service, FIVE_SECONDS)


def test_nobody_there_is_one_line():
    with pytest.raises(UnavailableError, match=r"^nobody answers at localhost:1 within 5 s"):
        check_health("localhost:1", "", FIVE_SECONDS)


def test_an_unknown_model_is_named(address):
    with pytest.raises(ModelNotFoundError, match="no service or model 'dogs'"):
        check_health(address, "dogs", FIVE_SECONDS)


def test_a_draining_server_says_no(repository, config):
    drains = dataclasses.replace(config, drain_delay=1, grace=1)
    answers = []
    with running(load_sessions(repository, drains), drains) as address:
        watching = threading.Thread(target=watch, args=(address, answers))
        watching.start()
        time.sleep(0.3)
    watching.join()
    assert "serves" in answers
    assert f"symae.v1.SymaeService at {address} says NOT_SERVING: it is starting or draining" in answers
    assert answers[-1].startswith("nobody answers")


def watch(address, answers):
    """Ask until nobody answers."""
    while not answers or not answers[-1].startswith("nobody"):
        try:
            check_health(address, "symae.v1.SymaeService", FIVE_SECONDS)
            answers.append("serves")
        except UnavailableError as error:
            answers.append(str(error))
        time.sleep(0.05)


def test_a_health_check_loads_no_runtime():
    code = (
        "import sys\nimport serve.calling.healthcheck\n"
        "bad = [m for m in ('onnxruntime', 'numpy', 'PIL', 'torch') if m in sys.modules]\nassert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
