"""Against plain servers whose service time is known."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from serve.bench.generator import _Run, generator
from serve.bench.load import Load, Payload
from serve.bench.watch import Watch
from serve.channel import Access

PAYLOAD = Payload("encoder", "m", 4, 4)
pytestmark = pytest.mark.alone


class Slow(grpc.GenericRpcHandler):
    """Takes its time for each call; from call `stalls` on, once, a second more."""

    def __init__(self, seconds, stalls=-1, fail=False):
        self.seconds, self.stalls, self.fail, self.calls, self.seen = seconds, stalls, fail, 0, []
        self._lock = threading.Lock()

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self.answer)

    def answer(self, request, context):
        with self._lock:
            self.calls += 1
            self.seen.append(dict(context.invocation_metadata()))
            time.sleep(self.seconds + (self.calls == self.stalls))
        if self.fail:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        return b""


@contextmanager
def serving(handler, threads=64):
    server = grpc.server(ThreadPoolExecutor(threads), handlers=[handler])
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None).wait()


def measure(handler, load, access=Access()):  # noqa: B008
    with serving(handler) as address:
        sample = generator(address, access, None)(PAYLOAD, load, lambda: False)
    return sample, sample.figures(1)


def test_a_closed_loop_calls_when_it_was_answered():
    sample, figures = measure(Slow(0.01), Load(callers=4, seconds=1, warm_up=0.2))
    assert 10 < figures.images_per_second <= 101
    assert 0.035 < figures.p50 < 0.4  # four share a server that takes 10 ms a call
    assert sample.took["OK"].size == pytest.approx(figures.calls, abs=8)


def test_an_open_loop_counts_from_when_a_call_was_due():
    """A stall of a second is felt by all calls that were due in it: about half of two seconds' calls, not by one."""
    handler = Slow(0.0, stalls=50)
    _, figures = measure(handler, Load(rate=100, seconds=2, warm_up=0.2, poisson=False))
    assert figures.p95 > 0.6
    assert handler.calls == pytest.approx(220, abs=3)


def test_a_server_that_is_too_slow_does_not_slow_an_open_loop():
    handler = Slow(0.1)
    sample, figures = measure(handler, Load(rate=50, seconds=1, warm_up=0, deadline=0.5))
    assert set(figures.errors) == {"DEADLINE_EXCEEDED"}
    assert sum(len(times) for times in sample.took.values()) == pytest.approx(50, abs=15)
    assert figures.images_per_second <= 11


def test_who_is_refused_does_not_call_at_once():
    handler = Slow(0.0, fail=True)
    _, figures = measure(handler, Load(callers=2, seconds=0.5, warm_up=0))
    assert figures.errors.keys() == {"RESOURCE_EXHAUSTED"} and 4 < handler.calls < 100
    assert figures.refusal_p99 < 0.5 and figures.calls == 0


def test_nothing_is_tried_again_and_the_token_is_sent():
    handler = Slow(0.0)
    _, figures = measure(handler, Load(seconds=0.2, warm_up=0, connections=2), Access(token="t"))
    assert handler.seen[0]["authorization"] == "Bearer t"
    assert handler.calls - figures.calls <= 1


def test_it_ends_early():
    with serving(Slow(0.0)) as address:
        ends = time.monotonic() + 0.3
        sample = generator(address, Access(), None)(PAYLOAD, Load(seconds=60), lambda: time.monotonic() > ends)
    assert sample.seconds < 10


def test_a_late_load_says_so_and_counts_its_own_lateness():
    """Sending stalls for half a second: the calls that were due meanwhile have waited, though no server saw them."""

    class Sent:
        def __init__(self):
            self.count = 0

        def __call__(self):
            self.count += 1
            time.sleep(0.5 if self.count == 20 else 0)
            return self

        def add_done_callback(self, callback):
            callback(self)

        def code(self):
            return grpc.StatusCode.OK

    run = _Run(Sent(), Load(rate=50, seconds=1, warm_up=0, poisson=False), Watch(None))
    sample = run.measure(lambda: False)
    assert 15 < (sample.took["OK"] > 0.05).sum() < 30
    assert 0.3 < sample.late < 1
