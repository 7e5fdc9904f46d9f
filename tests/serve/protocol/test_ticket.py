import asyncio
import time
from types import SimpleNamespace

import pytest

from serve.batching.statistics import ModelStatistics
from serve.errors import FaultError
from serve.protocol.ticket import Ticket


def ticket(seconds=10.0, ago=0.0):
    now = time.monotonic()
    made = Ticket("id", "/service/Call", now + seconds, now - ago)
    made.model = SimpleNamespace(statistics=ModelStatistics())
    return made


def test_an_answer_is_counted_with_where_its_time_went():
    mine = ticket()
    with mine.counted():
        with mine.reading():
            time.sleep(0.02)
        mine.ran(queue=0.001, run=0.002)
        time.sleep(0.03)
    spent, counters = mine.spent, mine.model.statistics
    assert spent.decode >= 0.02 and spent.encode >= 0.03
    assert (spent.queue, spent.run) == (0.001, 0.002)
    assert counters.success.count == counters.compute_output.count == 1
    assert counters.success.ns >= (spent.decode + spent.encode) * 1e9 - 1


def test_what_fails_is_counted_and_raised():
    mine = ticket()
    with pytest.raises(FaultError), mine.counted():
        raise FaultError("broken")
    assert (mine.model.statistics.success.count, mine.model.statistics.fail.count) == (0, 1)


@pytest.mark.parametrize(
    ("seconds", "ago", "late"),
    [
        (10.0, 0.0, 0),
        (-0.001, 10.0, 1),
        (0.04, 0.1, 1),  # the caller's clock began a little before
        (1.0, 100.0, 1),  # 100.001 seconds are sent as 101
        (0.9, 9.1, 0),
    ],
)
def test_a_deadline_is_told_from_a_caller_that_went_away(seconds, ago, late):
    mine = ticket(seconds, ago)
    with pytest.raises(asyncio.CancelledError), mine.counted():
        raise asyncio.CancelledError
    assert (mine.model.statistics.late, mine.model.statistics.cancelled) == (late, 1 - late)


def test_a_request_that_means_no_model_is_not_counted():
    mine = Ticket("id", "/service/Call", time.monotonic() + 1)
    with mine.counted():
        pass
    with pytest.raises(FaultError), mine.counted():
        raise FaultError("broken")
