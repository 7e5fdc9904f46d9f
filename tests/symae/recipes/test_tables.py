"""Every table and figure held against the paper: rows, order, numbers, networks, lengths and rates."""

import dataclasses

import pytest

from symae.coarse import coarse_classes
from symae.corruption import GaussianNoise, SmallBlocks
from symae.errors import RecipeError
from symae.networks import network1, network3
from symae.recipes import RECIPES, TABLES, find, find_table

PAPER = {  # the numbers of a table's own rows, in its order
    "table1": [93.95, 92.07, 95.15, 74.11, 70.21, 75.41],
    "table2": [70.89, 74.07, 80.22],
    "table3": [64.6, 70.2, 75.8],
    "table4": [67.11, 70.24, 69.38, 71.25],
    "figure4": [None, None, None],
    "table5": [67.02, 76.87, 67.11, 73.04, 79.04, 70.77, 72.17, 80.00, 70.93],
}
ROWS = {
    "table1": [
        *("table1-cifar10-random", "table1-cifar10-no-shortcut", "table1-cifar10-shortcut"),
        *("table1-cifar100-random", "table1-cifar100-no-shortcut", "table1-cifar100-shortcut"),
    ],
    "table2": ["table2-random", "table2-no-shortcut", "table2-shortcut"],
    "table3": ["table3-random", "table3-no-shortcut", "table3-shortcut"],
    "table4": ["table4-random", "table4-context-encoder", "table4-no-shortcut", "table4-shortcut"],
    "figure4": ["figure4-random", "figure4-encoder", "figure4-both"],
    "table5": ["table5-random", "table5-animal", "table5-vehicle"],
}
FAITHFUL = [name for name, table in TABLES.items() if not table.instead_of and not table.beyond]
OF_THE_PAPER = [name for name, table in TABLES.items() if not table.beyond]  # or in its place
STAND_INS = [name for name, table in TABLES.items() if table.instead_of]
SETTINGS = (
    "stage",
    "network",
    "epochs",
    "milestones",
    "learning_rate",
    "batch_size",
    "crop",
    "corruption",
    "optimizer",
)


def settings(recipe):
    return {name: getattr(recipe, name) for name in SETTINGS}


def test_tables_come_in_the_papers_order():
    assert list(TABLES)[:6] == ["table1", "table2", "table3", "table4", "figure4", "table5"]
    assert all(table.name == name for name, table in TABLES.items())
    assert {TABLES[name].instead_of for name in STAND_INS} == {"table1", "table3", "table4", "figure4", "table5"}


@pytest.mark.parametrize("name", PAPER)
def test_a_table_has_the_papers_rows_in_its_order(name):
    table = find_table(name)
    assert [row.name for row in table.rows] == ROWS[name]
    assert [reported.value for row in table.rows for reported in row.reported] == PAPER[name]
    words = {"table1": "table 1", "figure4": "figure 4"}.get(name, f"table {name[-1]}")
    assert all(reported.source.startswith(words) for row in table.rows for reported in row.reported)


def test_only_the_tables_with_repeated_runs_have_a_spread():
    spreads = {row.name: [r.spread for r in row.reported] for name in ROWS for row in TABLES[name].rows}
    known = {name: values[0] for name, values in spreads.items() if values[0] is not None}
    assert known == {
        **dict(zip(ROWS["table2"], (0.30, 0.43, 0.37), strict=True)),
        **dict(zip(ROWS["table3"], (0.7, 0.6, 0.5), strict=True)),
    }


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_faithful_row_departs_from_nothing_and_says_what_was_decided(name):
    for recipe in (*TABLES[name].pretraining, *TABLES[name].rows):
        assert recipe.not_stated and not recipe.deviations
        assert recipe.network.width == 1 and recipe.fresh == "gaussian"
        assert not recipe.weight_decay or name == "supplement-c-wrn"  # ResNet's, which supplement C is about


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_every_row_says_what_it_is_held_against_and_starts_from_a_pretraining_of_its_table(name):
    table = TABLES[name]
    assert table.title and table.needs
    pretraining = {recipe.name for recipe in (*table.pretraining, *table.rows) if recipe.stage == "pretrain"}
    for row in table.rows:
        assert row.reported and all(reported.source for reported in row.reported)
        assert not row.pretrained_by or row.pretrained_by in pretraining
    assert all(recipe.stage == "pretrain" for recipe in table.pretraining)


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_rows_of_one_kind_differ_in_where_they_start_alone(name):
    """Beside what is pre-trained, rows that are compared must be the same training."""
    free = {
        "name",
        "summary",
        "reported",
        "initialise",
        "pretrained_by",
        "hold_epochs",
        "not_stated",
        "data",
        "network",
    }
    free |= {"corruption", "corruption_probability"} if name in ("table2", "supplementD") else set()
    free |= {"optimizer", "learning_rate"} if name == "supplementC" else set()
    tuned = [row for row in TABLES[name].rows if row.stage != "pretrain"] or list(TABLES[name].rows)
    for row in tuned:
        before, after = dataclasses.asdict(tuned[0]), dataclasses.asdict(row)
        assert {key for key in before if before[key] != after[key]} <= free
        assert row.network == tuned[0].network


@pytest.mark.parametrize("name", STAND_INS)
def test_a_stand_in_has_the_rows_of_its_table_and_no_number_of_the_papers(name):
    rows, stands_for = TABLES[name].rows, TABLES[TABLES[name].instead_of].rows
    assert [row.name.rpartition("-")[2] for row in rows] == [row.name.rpartition("-")[2] for row in stands_for][
        : len(rows)
    ]
    for row, original in zip(rows, stands_for, strict=False):
        assert row.deviations and row.stage == original.stage and row.initialise == original.initialise
        assert [r.source for r in row.reported] == [f"in place of {r.source}" for r in original.reported]
        assert all(reported.value is None for reported in row.reported)


def test_table_1_is_fifteen_layers_on_noise():
    for recipe in (*TABLES["table1"].pretraining, *TABLES["table1"].rows):
        shortcuts = "input-output" if "pretrain-no-shortcut" in recipe.name else "all"
        assert recipe.network == dataclasses.replace(network1((5, 5, 5, 0), 128), shortcuts=shortcuts)
        assert recipe.data == ("cifar100" if "cifar100" in recipe.name else "cifar10")
        assert recipe.flip and recipe.crop == 29 and recipe.learning_rate == 1e-4 and not recipe.hold_epochs
        if recipe.stage == "pretrain":
            assert recipe.corruption == GaussianNoise(30) and (recipe.epochs, recipe.milestones) == (120, (60, 90))
        else:
            assert recipe.corruption_probability == 0 and (recipe.epochs, recipe.factor) == (200, 0.2)


def test_table_3_holds_the_pretrained_part_on_folds():
    for recipe in (*TABLES["table3"].pretraining, *TABLES["table3"].rows):
        assert recipe.network.full == network1((2, 2, 3, 3), 64).full and recipe.crop == 89
        assert recipe.learning_rate == 1e-4 and recipe.flip
        assert recipe.hold_epochs == (10 if recipe.pretrained_by else 0)
        assert recipe.fold == (None if recipe.stage == "pretrain" else 0)
    assert find("table3-pretrain").rate(29) == pytest.approx(1e-4)
    assert find("table3-pretrain").rate(30) == pytest.approx(1e-5)


def test_table_4_and_5_and_figure_4_share_network_3_and_its_schedule():
    for name in ("table4", "figure4", "table5"):
        for recipe in (*TABLES[name].pretraining, *TABLES[name].rows):
            assert recipe.network.full == network3().full and recipe.crop == 225 and recipe.flip
            assert not recipe.hold_epochs and recipe.learning_rate == 1e-4
            if recipe.stage != "pretrain":
                assert (recipe.epochs, recipe.milestones, recipe.factor) == (400, (200, 300), 0.1)
    assert all(row.test_crops == 10 and row.multi_label for row in (*TABLES["table4"].rows, *TABLES["table5"].rows))
    assert [row.initialise for row in TABLES["figure4"].rows] == ["nothing", "encoder", "encoder+decoder"]


def test_context_encoder_is_a_baseline_of_its_own():
    context, no_shortcut, shortcut = TABLES["table4"].pretraining
    assert (context.loss, context.network.shortcuts, context.network.fill) == ("masked", "none", "mean")
    assert (no_shortcut.loss, no_shortcut.network.shortcuts) == ("image", "input-output")
    assert (shortcut.loss, shortcut.network.shortcuts) == ("image", "all")
    assert context.corruption == no_shortcut.corruption == shortcut.corruption == SmallBlocks()
    stand_in = TABLES["table4-scenes"].pretraining[0]
    assert (stand_in.loss, stand_in.network.shortcuts, stand_in.network.fill) == ("masked", "none", "mean")


def test_table_5_is_table_4_on_other_unlabelled_images():
    assert settings(find("table5-random")) == settings(find("table4-random"))
    assert [reported.metric for reported in find("table5-animal").reported] == [
        *("mean_average_precision_animal", "mean_average_precision_vehicle", "mean_average_precision"),
    ]
    steps = [
        find(name).epochs * images for name, images in (("table5-pretrain-animal", 93e3), ("table4-pretrain", 1.28e6))
    ]
    assert steps[0] == pytest.approx(steps[1], rel=0.01)


def test_table_5_on_cifar_trains_on_as_many_animals_as_vehicles():
    animals, vehicles = (recipe.only_classes for recipe in TABLES["table5-cifar10"].pretraining)
    assert len(animals) == len(vehicles) == 4
    names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    groups = {group: {names[i] for i in members} for group, members in coarse_classes(names).items()}
    assert set(animals) < groups["animal"] and set(vehicles) == groups["vehicle"]


def test_supplement_c_changes_the_optimiser_alone():
    adam, sgd = TABLES["supplementC"].rows
    assert settings(adam) == settings(find("table1-cifar100-pretrain")) and adam.data == sgd.data == "cifar100"
    assert settings(sgd) == {**settings(adam), "optimizer": "sgd", "learning_rate": 0.1}
    assert adam.corruption == GaussianNoise(30)


def test_supplement_d_changes_the_length_of_pretraining_alone():
    table = TABLES["supplementD"]
    assert [recipe.epochs for recipe in table.pretraining] == [4, 12, 40, 120]
    for recipe in table.pretraining:
        assert recipe.milestones == (recipe.epochs // 2, 3 * recipe.epochs // 4)
        same = {"epochs": 120, "milestones": (60, 90)}
        assert {**settings(recipe), **same} == settings(find("table2-pretrain"))
    tuned = [row for row in table.rows if row.stage == "classify"]
    assert [row.pretrained_by for row in tuned] == [recipe.name for recipe in table.pretraining]
    figures = {reported.source for row in table.rows for reported in row.reported if "figure" in reported.source}
    assert figures == {f"supplement D, figure {number}" for number in (1, 2, 3)}


def test_camvid_has_eleven_classes_and_a_shortcut_at_full_size():
    for row in TABLES["camvid"].rows:
        assert len(row.classes) == 11 and row.fresh == "he"
    network = find("camvid-pretrain").network
    assert {network.sizes(120)[i] for i in network.joined} == {120, 60, 30, 15}


def test_names_are_unique_and_an_unknown_table_names_the_nearest():
    for table in TABLES.values():
        assert all(RECIPES[recipe.name] == recipe for recipe in (*table.pretraining, *table.rows))
    with pytest.raises(RecipeError, match="did you mean 'figure4'"):
        find_table("figure5")
