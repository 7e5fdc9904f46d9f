import dataclasses

from symae.recipes import TABLES, find
from symae.report.collect import collect
from symae.report.probes import ROLES, figure3, is_probe
from symae.report.words import NONE

SIZE = {"epochs": 10, "labels": 100}


def test_which_values_are_probes():
    assert all(map(is_probe, ("probe_accuracy_1", "probe_psnr_15", "linear_accuracy", "knn20_accuracy")))
    assert not any(map(is_probe, ("accuracy", "psnr", "probe_accuracy", "psnr_sigma25")))


def test_three_networks_have_rows_without_any_result():
    section = figure3(TABLES, (), {recipe.name: recipe for recipe in TABLES["table2"].rows})
    assert [row.cells[0] for row in section.rows] == [role for role in ROLES for _ in range(2)]
    assert all(row.kind == "missing" and row.cells[-1].startswith("not run: needs ") for row in section.rows)
    assert sum(line.startswith("symae probe ") for line in section.commands) == 3
    assert not section.charts


def test_a_run_finds_its_network_by_its_recipe_and_changes(result):
    recipes = {name: find(name) for name in ("table2-pretrain", "table2-random")}
    probes = {"probe_accuracy_1": 40.0, "probe_psnr_1": 30.0}
    base = result("table2-pretrain", probes, epochs=120, network="network2 x 1")
    cut = dataclasses.replace(base, changes={"network.shortcuts": "input-output"})
    classifier = result("table2-random", probes, epochs=200, labels=4000)
    rows = figure3(TABLES, collect([base, cut, classifier], recipes), recipes).rows
    assert [(row.cells[0], row.kind) for row in rows[::2]] == [
        (ROLES[0], "full"), (ROLES[1], "missing"), (ROLES[1], "changed"), (ROLES[2], "full")
    ]  # fmt: skip


def test_layers_means_and_the_final_layers_probes(tables, recipes, measured, result):
    second = result("made-random", {"probe_accuracy_1": 44.0, "probe_accuracy_2": 24.0}, seed=1, **SIZE)
    section = figure3(tables, collect([*measured, second], recipes), recipes)
    classes, images = (row.cells for row in section.rows if row.kind == "full")
    assert [column.title for column in section.columns[3:6]] == ["after layers 1 to 2", "final: 20-NN", "n"]
    assert classes[3:6] == ("42.0 22.0", "33.0", "2")
    assert images[3:6] == ("30.0 15.0", NONE, "1")
    accuracy, psnr = section.charts
    assert [(point.at, point.mean) for point in accuracy.curves[0].points] == [(1, 42.0), (2, 22.0)]
    assert psnr.curves[0].points[0].deviation is None


def test_a_run_of_no_known_recipe_is_not_lost(result):
    section = figure3({}, collect([result("gone", {"probe_accuracy_1": 1.0})], {}), {})
    assert section.rows[-2].cells[0] == "gone"
