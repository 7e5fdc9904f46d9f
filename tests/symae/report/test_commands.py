import shlex

import pytest

from symae.cli.train import evaluate, train
from symae.recipes import RECIPES, find, override
from symae.report import commands
from symae.results import changes


def test_a_row_is_run_by_its_pre_training_itself_and_a_measurement(recipes):
    before, itself, measure = commands.run(recipes["made-tuned"], recipes)
    assert before == "symae train made-pretrain --data cifar10 --out runs/made-pretrain"
    assert itself == "symae train made-tuned --data cifar10 --init runs/made-pretrain --out runs/made-tuned"
    assert measure.startswith("symae evaluate runs/made-tuned --data cifar10 --part test --record ")


@pytest.mark.parametrize("name", RECIPES)
def test_every_command_is_one_that_the_command_line_takes(name):
    for line in commands.run(find(name), RECIPES):
        _, verb, *arguments = shlex.split(line, comments=True)
        command = {"train": train, "evaluate": evaluate}[verb]
        assert command.make_context(verb, arguments).params


@pytest.mark.parametrize(
    "settings",
    [
        ("network.width=0.25", "milestones=[3,7]", "resize=null", "flip=true", "keep=best"),
        ("corruption.side=0.25",),
        ('corruption={"kind":"gaussian-noise","sigma":9.5,"sigma_max":0.0}',),
    ],
)
def test_changes_written_as_settings_change_the_same(settings):
    changed = override(find("table2-pretrain"), settings)
    assert override(find("table2-pretrain"), commands.settings(changes(changed))) == changed


def test_a_result_is_repeated_with_its_seed_fold_and_changes(recipes, result, narrow):
    start = "made-pretrain, seed 2, network.width=0.25, milestones=[1, 2]"
    told = result("made-tuned", {}, seed=5, fold=3, changes=narrow, start=start, part="validation")
    before, itself, measure = (shlex.split(line) for line in commands.reproduce(told, recipes))
    assert before[-4:] == ["--set", "network.width=0.25", "--set", "milestones=[1,2]"]
    assert itself[itself.index("--init") + 1] == before[before.index("--out") + 1]
    assert itself[itself.index("--seed") + 1] == "5"
    assert {"epochs=3", "milestones=[2]", "fold=3"} <= set(itself)
    assert "network.width=0.25" not in itself  # it comes with the weights
    assert measure[2] == itself[itself.index("--out") + 1]
    assert measure[measure.index("--part") + 1] == "validation"


def test_what_a_run_started_from_started_from_what_its_recipe_does(recipes, result):
    told = result("made-tuned", {"accuracy": 1.0}, start="made-tuned, seed 0, epochs=3")
    first, before, itself, _ = (shlex.split(line) for line in commands.reproduce(told, recipes))
    assert first[2] == "made-pretrain"
    assert before[before.index("--init") + 1] == first[first.index("--out") + 1]
    assert itself[itself.index("--init") + 1] == before[before.index("--out") + 1]


def test_runs_that_differ_have_directories_that_differ(recipes, result, narrow):
    told = [{}, {"seed": 1}, {"changes": narrow}, {"changes": {**narrow, "milestones": [1]}}, {"fold": 1}]
    lines = [commands.reproduce(result("made-random", {}, **fields), recipes)[0] for fields in told]
    assert len({shlex.split(line)[shlex.split(line).index("--out") + 1] for line in lines}) == len(told)


def test_a_probe_is_repeated_with_what_it_was_asked(recipes, result):
    told = result("made-random", {}, changes={"probe.labels": 0, "epochs": 3})
    training, probe = commands.reproduce(told, recipes, "probe")
    assert "probe." not in training
    assert shlex.split(probe)[:2] == ["symae", "probe"]
    assert "--labels 0" in probe


def test_a_method_of_others_has_its_own_command(recipes, result):
    told = result("bm3d", {}, data="bsd68")
    assert commands.reproduce(told, recipes) == ()
    assert "--method bm3d" in commands.reproduce(told, recipes, "restoration")[0]


def test_no_line_of_a_script_stands_twice():
    lines = commands.script([("a", ("x", "y")), ("b", ("x", "z")), ("c", ("x",))])
    assert lines == ("# a", "x", "y", "# b", "z")


def test_a_folder_is_named_in_a_comment_that_a_shell_passes_over():
    (line, _) = commands.run(find("segment"), {})
    assert shlex.split(line, comments=True)[-2:] == ["--out", "runs/segment"]
    assert line.endswith(f"# DATA: {find('segment').data}")
