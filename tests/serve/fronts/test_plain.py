import json

import pytest
from grpc import StatusCode

from serve import errors
from serve.batching.statistics import ModelStatistics, Spent
from serve.fronts.plain import PlainError, counts_of, merged, plain, plain_counts, statistics_of
from serve.observing.counts import RequestCounts
from serve.protocol.ticket import Ticket

DURATIONS = {"joining": 0.5, "running": 2.0, "splitting": 0.25}


def statistics(times=1):
    made = ModelStatistics()
    for number in range(times):
        made.executed(4 + number, pixels=4096, why="full", **DURATIONS)
        made.answered(3.0, Spent(queue=0.5, decode=0.25, run=2.0, encode=0.125))
        made.failed(1.0, errors.DeadlineError("late"))
    return made


def counts():
    made = RequestCounts()
    ticket = Ticket("1", "/symae.v1.SymaeService/Embed", 1e9)
    for code in (StatusCode.OK, StatusCode.OK, StatusCode.NOT_FOUND):
        made.ended(ticket, code, None)
    return made


def through_json(value):
    return json.loads(json.dumps(value))


def test_statistics_come_back_as_they_were():
    made = statistics(3)
    assert plain(statistics_of(through_json(plain(made)))) == plain(made)


def test_statistics_add_up_but_the_latest_run_is_one_moment():
    one, two = statistics(1), statistics(2)
    one.last_inference, two.last_inference = 100.0, 50.0
    both = statistics_of(merged([through_json(plain(one)), through_json(plain(two))]))
    assert (both.executions, both.late, both.last_inference, both.left["full"]) == (3, 3, 100.0, 3)
    assert {size: batch.compute_infer.count for size, batch in both.batches.items()} == {4: 2, 5: 1}
    assert both.success.ns == one.success.ns + two.success.ns
    assert sum(both.pixels.counts) == 3 and both.pixels.sum == 3 * 4096


def test_counts_of_requests_come_back_and_add_up():
    read = counts_of(merged([through_json(plain_counts(counts()))] * 2))
    assert read.requests == {key: 2 * count for key, count in counts().requests.items()}
    assert [sum(histogram.counts) for histogram in read.durations.values()] == [4]


def test_nothing_adds_up_to_nothing():
    assert merged([]) == {}
    assert plain(statistics_of({})) == plain(ModelStatistics())


@pytest.mark.parametrize(
    "read",
    [
        7, None, [], {"nobody": 1}, {"__class__": {"__dataclass_params__": {"init": 1}}}, {"executions": "1"},
        {"executions": True}, {"success": 3}, {"pixels": {"sum": 1}}, {"pixels": {"counts": [1], "sum": 1}},
        {"batches": {"4": 5}}, {"batches": {"[": {}}}, {"left": {"full": []}},
    ],
)  # fmt: skip
def test_what_is_no_counters_is_refused(read):
    with pytest.raises(PlainError):
        statistics_of(read)


@pytest.mark.parametrize("read", [7, [], {"nobody": {}}, {"requests": {"x": None}}, {"phases": {"cats": [1]}}])
def test_what_is_no_counts_is_refused(read):
    with pytest.raises(PlainError):
        counts_of(read)
