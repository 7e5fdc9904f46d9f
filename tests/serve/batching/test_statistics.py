import asyncio
import time

import pytest

from serve.batching.statistics import Duration, ModelStatistics, Spent
from serve.errors import DeadlineError, FaultError, OverloadError, RequestError, Violation


def test_an_answered_request_counts_once_in_each_part():
    statistics = ModelStatistics()
    for _ in range(2):
        statistics.answered(1.0, Spent(queue=0.1, decode=0.2, run=0.3, encode=0.4))
    parts = ("success", "queue", "compute_input", "compute_infer", "compute_output")
    assert {name: getattr(statistics, name) for name in parts} == {
        "success": Duration(2, 2_000_000_000),
        "queue": Duration(2, 200_000_000),
        "compute_input": Duration(2, 400_000_000),
        "compute_infer": Duration(2, 600_000_000),
        "compute_output": Duration(2, 800_000_000),
    }
    assert statistics.fail == Duration()


def test_executions_are_counted_by_their_size():
    statistics = ModelStatistics()
    for images in (1, 8, 8):
        statistics.executed(images, pixels=64 * images, why="free", joining=0.001, running=0.01, splitting=0.002)
    assert (statistics.executions, statistics.inferences) == (3, 17)
    assert statistics.last_inference == pytest.approx(time.time(), abs=5)
    assert {size: batch.compute_infer.count for size, batch in statistics.batches.items()} == {1: 1, 8: 2}
    assert statistics.batches[8].compute_input.ns == 2_000_000
    assert statistics.batches[8].compute_output.ns == 4_000_000


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (OverloadError("full", retry_after=1), (1, 0, 0)),
        (DeadlineError("late"), (0, 1, 0)),
        (asyncio.CancelledError(), (0, 0, 1)),
        (FaultError("broken"), (0, 0, 0)),
        (RequestError(Violation("images", "none")), (0, 0, 0)),
    ],
)
def test_a_failed_request_is_counted_by_its_cause(error, counts):
    statistics = ModelStatistics()
    statistics.failed(0.5, error)
    assert statistics.fail == Duration(1, 500_000_000)
    assert (statistics.rejected, statistics.late, statistics.cancelled) == counts
    assert statistics.success == Duration()
