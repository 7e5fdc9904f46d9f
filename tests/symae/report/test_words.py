import dataclasses

import pytest

from symae.recipes import Reported
from symae.report import words
from symae.report.collect import Statistic, collect


def test_a_number_of_the_paper_keeps_its_decimals():
    told = [words.paper(Reported("", "accuracy", *value)) for value in ((80.22, 0.3), (64.6, 0.7), (70.0,), (None,))]
    assert told == ["80.22 ± 0.30", "64.6 ± 0.7", "70.0", words.NONE]


@pytest.mark.parametrize(("reference", "told"), [(80.0, "+1.00"), (78.0, "−1.00"), (None, words.NONE)])
def test_the_difference_is_paper_minus_measured_with_its_sign(reference, told):
    assert words.difference(reference, Statistic(79.0, 0.2, 3)) == told


def test_metric_and_unit_stand_once_in_a_title():
    assert words.titled("CIFAR-10, test accuracy", ["accuracy"]) == "CIFAR-10, test accuracy (%)"
    assert words.titled("CIFAR-10", ["accuracy"]) == "CIFAR-10 (accuracy, %)"
    assert words.titled("CIFAR-10", ["psnr", "ssim"]) == "CIFAR-10"


def test_changes_are_said_compactly(recipes, measured):
    groups = collect(measured, recipes)
    (tuned,) = (group for group in groups if group.recipe == "made-tuned")
    assert words.changed(tuned) == "network 2 x 0.25, 3 epochs, pre-trained: 1 epoch"
    assert words.origin(tuned, "accuracy") == "cifar10; CPU; abcdef0; 2 pre-trainings"


def test_what_follows_from_the_epochs_is_not_said_and_what_does_not_is(recipes, result):
    start = "made-pretrain, seed 0, epochs=2, milestones=[{}]"
    told = [
        words.changed(*collect([result("made-tuned", {"accuracy": 1.0}, changes=own, start=before)], recipes))
        for own, before in (
            ({"epochs": 20, "milestones": [10], "hold_epochs": 0}, start.format(1)),
            ({"epochs": 20, "milestones": [18], "hold_epochs": 5}, start.format("1, 2")),
            ({"milestones": [9]}, ""),
            ({"epochs": 20}, start.format(1)),
        )
    ]
    assert told == [
        "20 epochs, pre-trained: 2 epochs",
        "20 epochs, milestones [18], hold epochs 5, pre-trained: 2 epochs, milestones [1, 2]",
        "milestones [9]",
        "20 epochs, milestones [5], pre-trained: 2 epochs",
    ]


def test_weights_of_a_recipe_that_none_starts_from_are_said(recipes, result):
    starts = ("made-pretrain, seed 0", "made-random, seed 0, epochs=2", "weights.safetensors", "made-pretrain")
    groups = [collect([result("made-tuned", {"accuracy": 1.0}, start=start)], recipes)[0] for start in starts]
    assert [group.full for group in groups] == [True, False, False, False]
    assert [words.changed(group) for group in groups] == [
        "",
        "from made-random (2 epochs)",
        "from weights.safetensors",
        "from made-pretrain",
    ]


def test_groups_that_were_changed_otherwise_never_read_alike(recipes, result, narrow):
    changes = (narrow, {**narrow, "milestones": [1]}, {**narrow, "learning_rate": 0.1}, {"labels": None})
    lines = [result("made-random", {"accuracy": 1.0}, epochs=3, network="network2 x 0.25", changes=c) for c in changes]
    told = [words.changed(group) for group in words.told_apart(collect(lines, recipes))]
    assert len(set(told)) == 4
    assert "all labels" in " ".join(told)


def test_what_departs_from_its_recipe_is_never_told_by_nothing(recipes, result):
    recipes = {**recipes, "made-random": dataclasses.replace(recipes["made-random"], keep="best")}
    (group,) = collect([result("made-random", {"accuracy": 1.0}, changes={"validate_every": 1})], recipes)
    assert words.changed(group) == "validate every 1"


def test_images_other_than_those_of_the_test_are_said(recipes, result):
    (group,) = collect([result("made-random", {"accuracy": 1.0}, part="validation", data="CIFAR-10, JPEG")], recipes)
    assert words.origin(group, "accuracy") == "CIFAR-10, JPEG, validation images; CPU; abcdef0"
