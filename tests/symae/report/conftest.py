"""A table of three rows made for the tests, and results of it."""

import dataclasses

import pytest

from symae.recipes import Reported, Table, find
from symae.results import Result


def made_result(recipe, values, **rest):
    told = {"data": "cifar10", "part": "test", "seed": 0, "commit": "abcdef012345", "device": "the CPU (1 threads)"}
    return Result(recipe, values, **{**told, **rest})


def row(name, summary, *reported, **rest):
    base = find("table2-random")
    recipe = dataclasses.replace(base, name=name, summary=summary, reported=reported, epochs=10, labels=100)
    return dataclasses.replace(recipe, milestones=(5,), **rest)


PRETRAIN = dataclasses.replace(find("table2-pretrain"), name="made-pretrain", reported=(), epochs=4, milestones=(2,))
ROWS = (
    row("made-random", "nothing", Reported("table 9, row 1", "accuracy", 70.0, 0.5)),
    row(
        "made-tuned",
        "pre-trained",
        Reported("table 9, row 2", "accuracy", 80.25),
        initialise="encoder",
        pretrained_by="made-pretrain",
    ),
    row("made-open", "no number | in the paper", Reported("table 9, row 3", "accuracy")),
)
TABLE = Table("table9", "Made, accuracy", ROWS, (PRETRAIN,), needs="a <day> & a night")
STAND_IN = dataclasses.replace(
    TABLE, name="small9", rows=(row("small-random", "small"),), pretraining=(), instead_of="table9"
)
BEYOND = dataclasses.replace(TABLE, name="modern9", rows=(row("modern-random", "modern"),), pretraining=(), beyond=True)
PARTS = Table(
    "parts9",
    "Made, in parts",
    (row("made-parts", "parts", Reported("r1", "accuracy_animal", 50.0), Reported("r1", "accuracy", 60.0)),),
    needs="time",
)
NARROW = {"network.width": 0.25, "epochs": 3, "milestones": [2]}


@pytest.fixture(scope="session")
def result():
    """A function (recipe, values, **fields of a Result) -> Result."""
    return made_result


@pytest.fixture(scope="session")
def narrow():
    """Changes that make a run narrower and shorter."""
    return NARROW


@pytest.fixture
def tables():
    return {table.name: table for table in (BEYOND, TABLE, PARTS, STAND_IN)}


@pytest.fixture
def recipes(tables):
    return {recipe.name: recipe for table in tables.values() for recipe in (*table.pretraining, *table.rows)}


@pytest.fixture
def measured():
    """Full size: two seeds of the first row; narrow: three of the second, of two pre-trainings; probes; denoising."""
    run = {"epochs": 10, "labels": 100, "network": "network2 x 1"}
    narrow = {"epochs": 3, "labels": 100, "network": "network2 x 0.25", "changes": NARROW}
    start = "made-pretrain, seed {}, network.width=0.25, epochs=1, milestones=[1]"
    probes = {f"probe_{name}_{layer}": value / layer for layer in (1, 2) for name, value in PROBED.items()}
    return [
        *(made_result("made-random", {"accuracy": 70.0 + seed}, seed=seed, **run) for seed in range(2)),
        *(
            made_result("made-tuned", {"accuracy": 60.0 + s}, seed=s, start=start.format(s // 2), **narrow)
            for s in range(3)
        ),
        made_result("made-random", {**probes, "knn20_accuracy": 33.0}, **run),
        made_result("bm3d", {"psnr_sigma25": 28.5, "seconds_per_image": 8.0}, data="bsd68"),
    ]


PROBED = {"accuracy": 40.0, "psnr": 30.0}
