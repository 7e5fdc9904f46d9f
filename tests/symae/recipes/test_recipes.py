"""What the recipes must say: the paper's rows, order and numbers; and that each of them runs."""

import dataclasses
from functools import cache

import pytest

from symae.errors import RecipeError
from symae.networks import network2
from symae.recipes import RECIPES, find, override, table2_cifar10_4k
from symae.request import Request
from symae.train import train


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'table2-shortcut'"):
        find("table2-shortcuts")


def test_table_2_has_the_papers_rows_in_its_order():
    rows = [(reported.value, reported.spread) for row in table2_cifar10_4k.ROWS for reported in row.reported]
    assert rows == [(70.89, 0.30), (74.07, 0.43), (80.22, 0.37)]
    assert all(row.network == network2() and row.labels == 4000 and row.crop == 29 for row in table2_cifar10_4k.ROWS)
    assert [row.hold_epochs for row in table2_cifar10_4k.ROWS] == [0, 10, 10]
    assert [row.corruption_probability for row in table2_cifar10_4k.ROWS] == [0, 0.5, 0.5]


def test_every_row_that_starts_from_weights_names_the_recipe_that_makes_them():
    for recipe in RECIPES.values():
        if recipe.stage != "pretrain":  # which goes on with all of the weights that it is given
            assert (recipe.initialise == "nothing") == (recipe.pretrained_by == "")
        if recipe.pretrained_by:
            assert find(recipe.pretrained_by).stage == "pretrain"


def test_rates_follow_supplement_b():
    rates = [find("table2-random").rate(epoch) for epoch in (0, 59, 60, 119, 120, 160, 199)]
    assert rates == pytest.approx([2e-3, 2e-3, 4e-4, 4e-4, 8e-5, 1.6e-5, 1.6e-5])


def test_a_cosine_rises_in_the_warmup_and_falls_to_nothing():
    recipe = dataclasses.replace(find("table2-random"), schedule="cosine", warmup=2, epochs=10, learning_rate=1.0)
    assert [recipe.rate(epoch) for epoch in (0, 1)] == pytest.approx([0, 0.4878], abs=1e-3)
    assert [recipe.rate(epoch) for epoch in (2, 5, 10)] == pytest.approx([0.9045, 0.5, 0], abs=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        *({"taken_rate": 0}, {"warmup": -1}, {"average": 1.0}, {"clip": -1}, {"loss": "masked"}),
        *(
            {"label_smoothing": 1},
            {"certainty": -0.1},
            {"certainty": 1.0},
            {"unlabelled": -1},
            {"labels_first": -1},
        ),
    ],
)
def test_values_out_of_range_are_refused(change):
    with pytest.raises(RecipeError):
        dataclasses.replace(find("table2-random"), **change)


@pytest.mark.parametrize("setting", ["augmentation.mix=cutmix", "label_smoothing=0.1"])
def test_mixing_and_smoothing_are_for_single_classes(setting):
    assert override(find("classify"), [setting]) != find("classify")
    for name in ("pretrain", "classify-multi", "segment"):
        with pytest.raises(RecipeError, match="one class an image"):
            override(find(name), [setting])


def test_learning_without_labels_is_for_single_classes_and_needs_an_average():
    asked = ["unlabelled=64", "average=0.99"]
    assert override(find("classify"), asked).unlabelled == 64
    for name in ("pretrain", "classify-multi", "segment"):
        with pytest.raises(RecipeError, match="classifiers of one class an image"):
            override(find(name), asked)
    with pytest.raises(RecipeError, match="--set average"):
        override(find("classify"), asked[:1])
    with pytest.raises(RecipeError, match=r"labels_first \(10\) must be below epochs \(10\)"):
        override(find("classify"), [*asked, "epochs=10", "labels_first=10"])


@pytest.fixture(scope="session")
def shrunk(class_folder, tmp_path_factory):
    """Run a pre-training when shrunk: once, for its own test and for all that start from it."""

    @cache
    def run(name):
        recipe = dataclasses.replace(find(name).smoke(), validation=0.25, epochs=1)
        out = tmp_path_factory.mktemp("shrunk") / name
        return train(Request(recipe, data=str(class_folder), out=out, device="cpu"), say=lambda _: None)

    return run


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.stage == "pretrain"])
def test_every_pretraining_runs_when_shrunk(name, shrunk):
    assert shrunk(name).weights.exists()


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.stage != "pretrain"])
def test_every_fine_tuning_runs_when_shrunk(name, shrunk, class_folder, map_folder, label_folder, tmp_path):
    recipe = dataclasses.replace(find(name).smoke(), validation=0.25, epochs=1)
    init = shrunk(recipe.pretrained_by).path if recipe.pretrained_by else None
    data = label_folder if recipe.multi_label else {"segment": map_folder, "classify": class_folder}[recipe.stage]
    run = train(Request(recipe, data=str(data), out=tmp_path / "run", init=init, device="cpu"), say=lambda _: None)
    assert run.weights.exists()


def test_every_stage_has_its_main_metric():
    names = {name: find(name).main_metric for name in ("pretrain", "classify", "classify-multi", "segment")}
    assert list(names.values()) == ["psnr", "accuracy", "mean_average_precision", "mean_iou"]
