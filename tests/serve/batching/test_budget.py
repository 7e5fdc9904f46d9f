import pytest

from serve.batching.budget import Budget
from serve.batching.pace import Pace
from serve.errors import OverloadError


@pytest.fixture
def budget():
    pace = Pace()
    pace.ran(1, 1, 0.01, full=True)  # 0.01 s a pixel
    return Budget(100, pace)


def test_a_full_queue_says_when_to_come_again(budget):
    with budget.reserve(60), pytest.raises(OverloadError) as full, budget.reserve(41):
        pass
    assert full.value.retry_after == pytest.approx(0.6)


def test_a_share_may_grow_as_far_as_there_is_room(budget):
    with budget.reserve(60) as mine:
        mine.resize(50)
        with budget.reserve(50), pytest.raises(OverloadError):
            mine.resize(51)


def test_alone_a_request_may_be_larger_for_it_would_never_fit_otherwise(budget):
    with budget.reserve(1000):
        pass
    assert budget.taken == 0


def test_what_is_answered_or_refused_gives_its_share_back(budget):
    with budget.reserve(60):
        for _ in range(3):
            with pytest.raises(OverloadError), budget.reserve(41):
                pass
    with budget.reserve(100):
        assert budget.taken == 100
    assert budget.taken == 0
