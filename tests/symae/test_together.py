"""Alone; between real processes in test_devices.py, test_batch_norm.py and below."""

import torch

from symae.errors import DataError, ToldElsewhere
from symae.launch import launch
from symae.randomness import Share
from symae.recipes import find
from symae.request import Request
from symae.together import Consensus, agreed, collect, connected, greatest, told_once, total, whole_batch
from symae.world import ALONE, World

CPU = torch.device("cpu")


def test_alone_everything_is_ones_own():
    with connected(ALONE, CPU), agreed(ALONE):
        assert total(torch.ones(2)).tolist() == [1, 1]
        assert greatest(3.5) == 3.5
        assert collect({"a": "b"}) == {"a": "b"}
        values = torch.arange(4)
        assert whole_batch(values, Share.of(4, 0, 1)) is values
        wishes = Consensus()
        assert [wishes.exchange(wish) for wish in (0, 2, 0)] == [0, 2, 0]
        assert wishes.settle(7) == 7


def test_an_error_of_all_is_told_by_the_first():
    error = DataError("no")
    assert told_once(World(0, 2), error) is error
    silent = told_once(World(1, 2), error)
    assert isinstance(silent, ToldElsewhere) and silent.exit_code == 2 and str(silent) == ""


def talk(request, say):
    world = request.world
    found = {}
    with connected(world, CPU):
        found["total"] = total(torch.tensor([1.0, world.rank])).tolist()
        found["greatest"] = greatest(0.5 + world.rank)
        found["collect"] = collect({str(world.rank): "cause"})
        share = Share.of(5, world.rank, 2)
        found["whole"] = whole_batch(share.take(torch.arange(10.0).reshape(5, 2)), share).tolist()
        wishes = Consensus()
        found["answers"] = [wishes.exchange(wish if world.rank else 0) for wish in (0, 3, 0, 0)]
        found["settled"] = wishes.settle(world.rank * 2)
        try:
            with agreed(world):
                if world.rank == 1:
                    raise DataError("only here")
        except Exception as error:
            found["error"] = type(error).__name__
    return found


def test_what_two_processes_say_to_each_other():
    found = launch(talk, Request(find("pretrain"), data=None, out=None, devices=2), print)
    assert found == {
        "total": [2, 1],
        "greatest": 1.5,
        "collect": {"0": "cause", "1": "cause"},
        "whole": torch.arange(10.0).reshape(5, 2).tolist(),
        "answers": [0, 0, 3, 0],  # a step late
        "settled": 2,
        "error": "ToldElsewhere",
    }
