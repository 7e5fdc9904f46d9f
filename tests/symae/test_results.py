import dataclasses
import json
import shutil

import pytest

from symae.errors import DataError
from symae.recipes import find
from symae.request import Request
from symae.results import Result, append_result, changes, read_results, result_of
from symae.train import train

RESULT = Result("bm3d", {"psnr": 30.71}, "cbsd68", "test", 0, "abc", "CPU")


def test_what_is_appended_is_read_again_in_order(tmp_path):
    file = tmp_path / "deep" / "results.jsonl"
    other = dataclasses.replace(RESULT, seed=1, changes={"network.width": 0.25})
    append_result(file, RESULT)
    append_result(file, other)
    assert list(read_results(file)) == [RESULT, other]


def test_a_damaged_line_is_named(tmp_path):
    file = tmp_path / "results.jsonl"
    append_result(file, RESULT)
    with file.open("a") as lines:
        lines.write('{"recipe": "x"}\n')
    with pytest.raises(DataError, match="line 2"):
        list(read_results(file))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"epochs": "many"}, "epochs"), ({"changes": None}, "changes"), ({"start": 5}, "start"), ({"mood": 1}, "mood")],
)
def test_a_field_of_another_kind_is_named(tmp_path, wrong, named):
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps({**dataclasses.asdict(RESULT), **wrong}) + "\n")
    with pytest.raises(DataError, match=f"line 1 is not a result.*{named}"):
        list(read_results(file))


def test_changes_name_what_departs_from_the_recipe():
    recipe = find("table2-random")
    assert changes(recipe) == {}
    narrow = dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, width=0.25), milestones=(1, 2))
    assert changes(narrow) == {"network.width": 0.25, "milestones": [1, 2]}


def test_a_fold_is_one_of_a_rows_runs_and_no_change():
    assert changes(dataclasses.replace(find("table3-random"), fold=7)) == {}


def test_a_result_tells_where_its_weights_started(class_folder, tmp_path):
    def run(name, out, init=None):
        recipe = dataclasses.replace(find(name).smoke(), epochs=1, resize=None, crop=21, validation=0.2)
        request = Request(recipe, data=str(class_folder), out=tmp_path / out, init=init, device="cpu", seed=3)
        return train(request, say=lambda _: None).path

    first = run("pretrain", "first")
    tuned = run("classify", "tuned", first)
    shutil.rmtree(first)  # what it started from is told even so
    result = result_of(tuned, str(class_folder), "test", {"accuracy": 50.0})
    assert (result.recipe, result.seed, result.values, result.epochs) == ("classify", 3, {"accuracy": 50.0}, 1)
    assert result.start.startswith("pretrain, seed 3, network.width=")
    assert result.changes["crop"] == 21
    assert result.training_seconds is not None
