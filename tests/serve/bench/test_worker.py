import time
from collections import Counter

import pytest

from serve.bench.load import Load, Payload
from serve.bench.sample import Sample
from serve.bench.worker import Worker
from serve.errors import ConfigError, JobError, OverloadError

PAYLOAD = Payload("encoder", "m", 4, 4)


def make(fault=None):
    if fault == "make":
        raise ConfigError("wrong")

    def run(payload, load, stop):
        if fault == "run":
            raise OverloadError("full", retry_after=1)
        started = time.monotonic()
        while time.monotonic() - started < load.seconds and not stop():
            time.sleep(0.01)
        return Sample(time.monotonic() - started, Counter(), {})

    return run


def test_measuring_again_and_again_and_stopping_early():
    with Worker(make) as worker:
        assert 0.1 <= worker.measure(PAYLOAD, Load(seconds=0.1)).seconds < 5
        worker.start(PAYLOAD, Load(seconds=60))
        assert not worker.ready(0.2)
        worker.stop()
        assert worker.result().seconds < 50
        assert worker.measure(PAYLOAD, Load(seconds=0.05)).seconds >= 0.05


def test_what_goes_wrong_there_is_raised_here():
    with pytest.raises(ConfigError, match="wrong"):
        Worker(make, "make")
    with Worker(make, "run") as worker, pytest.raises((OverloadError, JobError), match="full"):
        worker.measure(PAYLOAD, Load())


def test_a_process_that_dies_is_said():
    with Worker(make) as worker:
        worker.start(PAYLOAD, Load(seconds=60))
        worker._process.kill()
        with pytest.raises(JobError, match="died"):
            worker.result()
