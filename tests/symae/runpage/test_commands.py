import dataclasses
import shlex

import pytest

from symae.recipes import find
from symae.request import Request, resolve
from symae.runpage.commands import follow_up, repeat, resume
from symae.runpage.record import read_record


def request_of(command, **changes):
    """Read a command of `symae train` as the command line does."""
    words = shlex.split(command)
    options = list(zip(words[3::2], words[4::2], strict=False))
    given = {name: value for name, value in options if name != "--set"}
    return Request(
        find(words[2]),
        data=given.get("--data"),
        out=given["--out"],
        init=given.get("--init"),
        unlabelled=given.get("--unlabelled"),
        settings=[value for name, value in options if name == "--set"],
        seed=int(given["--seed"]),
        device=given["--device"],
    )


@pytest.mark.parametrize("name", ["first", "second", "classify", "segment"])
def test_what_repeats_a_run_asks_for_the_same(runs, name):
    record = read_record(runs[name])
    plan = resolve(request_of(repeat(record)[-1]))
    assert plan.recipe == record.run.recipe
    assert (plan.data, plan.seed, str(plan.init)) == (record.run.data, record.run.seed, str(record.run.init))


def test_images_without_labels_are_named_again(runs):
    record = read_record(runs["classify"])
    run = dataclasses.replace(
        record.run, unlabelled="photos", recipe=dataclasses.replace(record.run.recipe, average=0.9, unlabelled=4)
    )
    plan = resolve(request_of(repeat(dataclasses.replace(record, run=run))[-1]))
    assert (plan.unlabelled, plan.recipe.unlabelled) == ("photos", 4)


def test_a_network_that_came_with_the_weights_is_not_asked_for_again(runs):
    assert "network" not in repeat(read_record(runs["classify"]))[-1]
    assert "network" in repeat(read_record(runs["first"]))[-1]


def test_what_goes_on_and_what_comes_next(runs):
    record = read_record(runs["first"])
    assert resume(record) == f"symae train pretrain --out {runs['first']} --resume --device cpu"
    commands = [command for _, command in follow_up(record)]
    assert [command.split()[1] for command in commands] == ["evaluate", "train", "export", "serve", "compare"]
    assert all(str(runs["first"]) in command for command in commands if "serve" not in command)
    assert "train" not in [command.split()[1] for _, command in follow_up(read_record(runs["segment"]))]
