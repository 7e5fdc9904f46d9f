from pathlib import Path

import pytest

from serve.lifecycle.ledger import Found, Ledger
from serve.repository import ModelFile


def found(version, size=1, name="m"):
    return Found(ModelFile(name, str(version), Path(f"{name}/{version}/model.onnx")), (size, 0, 0))


def tried(ledger, name="m", **how):
    return [int(one.file.version) for one in ledger.to_try(name, **how)]


@pytest.fixture
def ledger():
    """Version 2 has been served for long, 1 lies beside it."""
    ledger = Ledger(settle=1.0)
    ledger.look([found(2), found(1)], 0.0)
    ledger.serves(found(2))
    ledger.look([found(2), found(1)], 10.0)
    return ledger


def test_at_the_start_the_newest_comes_first_and_nothing_needs_to_settle():
    ledger = Ledger(settle=1.0)
    ledger.look([found(10), found(9)], 0.0)
    assert tried(ledger, at_once=True) == [10, 9]
    assert tried(ledger) == []


def test_what_is_served_and_older_is_not_tried(ledger):
    assert tried(ledger) == []


def test_a_newer_version_is_tried_when_it_stands_still(ledger):
    for now, size in ((11.0, 1), (11.9, 1), (12.5, 2), (13.4, 2)):
        ledger.look([found(3, size), found(2), found(1)], now)
        assert tried(ledger) == []
    ledger.look([found(3, 2), found(2), found(1)], 13.5)
    assert tried(ledger) == [3]
    ledger.serves(found(3, 2))
    assert tried(ledger) == []


def test_what_failed_is_tried_again_when_it_is_another_file(ledger):
    ledger.look([found(3), found(2)], 11.0)
    ledger.look([found(3), found(2)], 12.0)
    ledger.failed(found(3))
    assert tried(ledger) == []
    assert ledger.look([found(3), found(2)], 99.0) == []
    assert tried(ledger) == []
    assert ledger.look([found(3, size=5), found(2)], 100.0) == [("m", "3")]
    ledger.look([found(3, size=5), found(2)], 101.0)
    assert tried(ledger) == [3]


def test_an_overwritten_file_is_tried_but_nothing_older(ledger):
    for now in (11.0, 12.0):
        ledger.look([found(2, size=7), found(1)], now)
    assert tried(ledger) == [2]
    ledger.failed(found(2, size=7))
    assert tried(ledger) == []


def test_a_deleted_version_gives_way_to_an_older_one_after_a_while(ledger):
    ledger.look([found(1)], 11.0)
    assert tried(ledger) == []
    ledger.look([found(1)], 12.0)
    assert tried(ledger) == [1]
    assert ledger.to_remove() == []
    ledger.failed(found(1))
    assert ledger.served("m") == found(2)  # in memory it works


def test_a_file_that_is_away_for_a_moment_was_replaced(ledger):
    ledger.look([found(1)], 11.0)
    ledger.look([found(2), found(1)], 11.5)
    ledger.look([found(1)], 11.9)
    ledger.look([found(1)], 12.5)
    assert tried(ledger) == []


def test_a_model_of_which_nothing_is_left_is_removed_after_a_while(ledger):
    ledger.look([], 11.0)
    assert ledger.to_remove() == []
    ledger.look([], 12.0)
    assert ledger.to_remove() == ["m"]
    ledger.removed("m")
    assert ledger.to_remove() == [] and ledger.names == []


def test_models_are_followed_each_for_itself(ledger):
    for now in (11.0, 12.0):
        ledger.look([found(2), found(1), found(1, name="n")], now)
    assert ledger.names == ["m", "n"]
    assert (tried(ledger, "m"), tried(ledger, "n")) == ([], [1])
