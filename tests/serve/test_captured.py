"""What holds on every device; that CUDA really captures is tested where there is one (test_providers.py)."""

import numpy as np
import pytest

from serve.batching.waiting import BatchLimits
from serve.captured import Captured, counts_up_to
from serve.repository import find_models
from serve.session import OUTPUTS, RuntimeOptions, Session, open_session


class Counted:
    """A runtime that counts how it is run."""

    def __init__(self, runtime):
        self._runtime, self.bound, self.plain = runtime, 0, 0

    def run(self, *arguments):
        self.plain += 1
        return self._runtime.run(*arguments)

    def run_with_iobinding(self, binding, options):
        self.bound += 1
        assert int(options.get_run_config_entry("gpu_graph_id")) > 0
        return self._runtime.run_with_iobinding(binding, options)

    def __getattr__(self, name):
        return getattr(self._runtime, name)


@pytest.fixture(params=OUTPUTS)
def sessions(request, repository):
    """One that runs plainly, one that runs through fixed buffers, and the runtime of the second."""
    file = find_models(repository / f"toy-{request.param}")[0]
    plain = open_session(file, RuntimeOptions(("CPU",), 1))
    runtime = Counted(plain._runtime)
    return plain, Session(runtime, file, plain.metadata, Captured(runtime, plain.metadata, "cpu", 0)), runtime


def inputs_for(session, rng, count, side):
    image = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    mask = rng.integers(0, 2, (count, side, side), np.uint8)
    return (image, mask)[: 2 if session.metadata.kind == "autoencoder" else 1]


def test_counts():
    assert [counts_up_to(most) for most in (1, 2, 5, 8)] == [[1], [1, 2], [1, 2, 4, 5], [1, 2, 4, 8]]


def test_every_number_of_images_gives_what_a_plain_run_gives(sessions, rng):
    plain, captured, runtime = sessions
    captured.warm_up((6, 8), BatchLimits(5, 1 << 20))
    assert runtime.plain == 0
    for count in (5, 1, 3, 2, 4):
        for side in (6, 8):
            inputs = inputs_for(plain, rng, count, side)
            for names in (OUTPUTS[plain.metadata.kind], OUTPUTS[plain.metadata.kind][:1]):
                results = captured.run(inputs, names)
                assert len(results) == len(names)
                for got, want in zip(results, plain.run(inputs, names), strict=True):
                    np.testing.assert_array_equal(got, want)
    assert runtime.plain == 0


def test_results_are_the_callers_own(sessions, rng):
    plain, captured, _ = sessions
    captured.warm_up((6,), BatchLimits(2, 1 << 20))
    inputs = inputs_for(plain, rng, 2, 6)
    names = OUTPUTS[plain.metadata.kind]
    first = captured.run(inputs, names)
    kept = [array.copy() for array in first]
    captured.run(inputs_for(plain, rng, 2, 6), names)
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_other_sizes_and_larger_batches_run_plainly(sessions, rng):
    plain, captured, runtime = sessions
    captured.warm_up((6,), BatchLimits(2, 1 << 20))
    bound = runtime.bound
    names = OUTPUTS[plain.metadata.kind]
    for count, side in ((3, 6), (1, 7)):
        inputs = inputs_for(plain, rng, count, side)
        for got, want in zip(captured.run(inputs, names), plain.run(inputs, names), strict=True):
            np.testing.assert_array_equal(got, want)
    assert (runtime.bound, runtime.plain) == (bound, 2)
