import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symae.report.collect import Statistic, collect

FULL = {"epochs": 10, "labels": 100}


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_mean_and_sample_deviation(values):
    statistic = Statistic.of(values)
    assert statistic.n == len(values)
    assert statistic.mean == pytest.approx(np.mean(values), abs=1e-9)
    if len(values) == 1:
        assert statistic.deviation is None
    else:
        assert statistic.deviation == pytest.approx(np.std(values, ddof=1), abs=1e-6)


def test_seeds_are_repetitions_and_nothing_else_is(recipes, result, narrow):
    base = result("made-random", {"accuracy": 1.0}, **FULL)
    others = [{"seed": 1}, {"data": "b"}, {"part": "validation"}, {"device": "NVIDIA H100"}, {"start": "x, seed 0"},
              {"changes": narrow}, {"changes": {**narrow, "milestones": [1]}}, {"recipe": "made-open"}]  # fmt: skip
    groups = collect([base, *(dataclasses.replace(base, **other) for other in others)], recipes)
    assert sorted(len(group.runs) for group in groups) == [*[1] * 7, 2]


def test_a_run_at_full_size_is_never_averaged_with_a_changed_one(recipes, result, narrow):
    values = {(): 70.0, ("changes",): 10.0}
    lines = [
        result("made-random", {"accuracy": value + seed}, seed=seed, **({"changes": narrow} if key else FULL))
        for key, value in values.items()
        for seed in range(3)
    ]
    full, changed = collect(lines, recipes)
    assert (full.full, full.statistic("accuracy")) == (True, Statistic(71.0, 1.0, 3))
    assert (changed.full, changed.statistic("accuracy")) == (False, Statistic(11.0, 1.0, 3))


@pytest.mark.parametrize(
    ("start", "full"),
    [
        ("made-pretrain, seed 4", True),
        ("made-pretrain, seed 0, epochs=1", False),
        ("other, seed 0", False),
        ("model.safetensors", False),
    ],
)
def test_full_size_means_a_full_pre_training_too(start, full, recipes, result):
    (group,) = collect([result("made-tuned", {"accuracy": 1.0}, start=start, **FULL)], recipes)
    assert group.full == full


NONE, ALL = {"network.shortcuts": "none"}, {"network.shortcuts": "all"}


@pytest.mark.parametrize(
    ("shortcuts", "before", "changes", "departs"),
    [
        ("none", "", NONE, {}),
        ("none", "", {}, ALL),  # it went back to its own kind
        ("all", "", {}, {}),
        ("all", ", network.shortcuts=none", NONE, NONE),
        ("all", "", {"network.channels": 1}, {"network.channels": 1}),
    ],
)
def test_what_weights_bring_with_them_is_no_change_of_the_run(shortcuts, before, changes, departs, recipes, result):
    recipe = recipes["made-pretrain"]
    network = dataclasses.replace(recipe.network, shortcuts=shortcuts, head="conv-gap")
    recipes = {**recipes, "made-pretrain": dataclasses.replace(recipe, network=network)}
    told = result("made-tuned", {"accuracy": 1.0}, start=f"made-pretrain, seed 0{before}", changes=changes, **FULL)
    (group,) = collect([told], recipes)
    assert group.changes == departs
    assert group.full is not bool(departs)


def test_a_run_of_weights_that_nobody_knows_is_not_averaged_with_one_of_known_ones(recipes, result):
    starts = ("made-pretrain", "made-pretrain, seed 0")
    groups = collect([result("made-tuned", {"accuracy": 1.0}, start=start, **FULL) for start in starts], recipes)
    assert [(group.full, len(group.runs)) for group in groups] == [(True, 1), (False, 1)]


def test_pre_trainings_of_other_seeds_are_repetitions(recipes, result):
    starts = [f"made-pretrain, seed {seed}" for seed in range(3)]
    (group,) = collect([result("made-tuned", {"accuracy": 1.0}, start=start, **FULL) for start in starts], recipes)
    assert group.statistic("accuracy").n == 3


def test_folds_count_like_seeds(recipes, result):
    lines = [result("made-random", {"accuracy": float(fold)}, fold=fold, changes={"fold": fold}, **FULL)
             for fold in range(10)]  # fmt: skip
    (group,) = collect(lines, recipes)
    assert group.full
    assert group.statistic("accuracy").n == 10


def test_a_run_that_was_measured_twice_counts_once_and_the_last_line_stands(recipes, result):
    lines = [result("made-random", {"accuracy": value}, **FULL) for value in (1.0, 2.0)]
    (group,) = collect(lines, recipes)
    assert group.statistic("accuracy") == Statistic(2.0, None, 1)


def test_how_often_was_validated_matters_only_where_the_best_weights_are_kept(recipes, result):
    often = result("made-random", {"accuracy": 1.0}, changes={"validate_every": 2}, **FULL)
    best = dataclasses.replace(often, changes={"validate_every": 2, "keep": "best"})
    assert [group.changes for group in collect([often, best], recipes)] == [{}, {"validate_every": 2, "keep": "best"}]


def test_results_from_before_a_recipe_was_rewritten_are_not_of_the_row_as_it_stands(recipes, result):
    (group,) = collect([result("made-random", {"accuracy": 1.0}, epochs=7, labels=100)], recipes)
    assert not group.full
    assert group.changes == {"epochs": 7}


@pytest.mark.parametrize("wrong", [{"epochs": "many"}, {"epochs": 5, "milestones": ["soon"]}, {"epochs": None}])
def test_what_was_written_into_a_record_by_hand_is_a_change_whatever_it_is(recipes, result, wrong):
    told = ", ".join(f"{key}={value}" for key, value in wrong.items())
    line = result("made-tuned", {"accuracy": 1.0}, changes=wrong, start=f"made-pretrain, seed 0, {told}")
    (group,) = collect([line], recipes)
    assert not group.full


def test_a_value_that_is_no_number_is_not_measured(recipes, result):
    (group,) = collect([result("made-random", {"accuracy": float("nan"), "ssim": None}, **FULL)], recipes)
    assert group.statistic("accuracy") is None
    assert group.statistic("ssim") is None
