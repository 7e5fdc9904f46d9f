import pytest

from serve.batching.statistics import ModelStatistics, Spent
from serve.fronts.messages import Tally
from serve.fronts.plain import PlainError, plain
from serve.fronts.shared import SharedStatistics
from serve.fronts.tallies import Tallies


def tally(times, number=1):
    made = ModelStatistics()
    for _ in range(times):
        made.answered(1.0, Spent())
    return Tally({number: plain(made)}, {"requests": {'["call", "", "OK"]': times}})


def answered(read):
    return read.get("success", {}).get("count", 0)


def test_the_latest_word_of_each_front_counts_and_of_those_that_are_gone_too():
    tallies = Tallies()
    tallies.take("a", tally(1))
    tallies.take("b", tally(10))
    tallies.take("a", tally(2))
    assert answered(tallies.of_model(1)) == 12 and answered(tallies.of_model(1, without="a")) == 10
    for times in (100, 1000):
        tallies.bury("b")
        tallies.take("b", tally(times))
    assert answered(tallies.of_model(1)) == 1112
    assert answered(tallies.of_model(1, without="b")) == 112
    assert tallies.requests()["requests"] == {'["call", "", "OK"]': 1112}
    assert tallies.of_model(2) == {}
    tallies.forget(1)
    assert tallies.of_model(1) == {}


def test_a_model_that_a_front_tells_of_no_more_was_called_all_the_same():
    tallies = Tallies()
    tallies.take("a", tally(3))
    tallies.take("a", tally(1, number=2))
    assert answered(tallies.of_model(1)) == 3


@pytest.mark.parametrize("wrong", [Tally({1: {"success": 7}}, {}), Tally({}, {"nobody": 1})])
def test_what_is_no_counters_is_refused_and_changes_nothing(wrong):
    tallies = Tallies()
    tallies.take("a", tally(3))
    with pytest.raises(PlainError):
        tallies.take("a", wrong)
    assert answered(tallies.of_model(1)) == 3


def test_what_a_process_counts_itself_is_there_at_once_and_never_twice():
    shared, others = SharedStatistics(), plain(ModelStatistics(executions=7))
    shared.answered(1.0, Spent())
    shared.failed(1.0, ValueError())
    for _ in range(3):
        shared.see([others, tally(5).models[1]])
    assert (shared.success.count, shared.fail.count, shared.executions) == (6, 1, 7)
    shared.answered(1.0, Spent())
    assert (shared.success.count, shared.own.success.count) == (7, 2)
