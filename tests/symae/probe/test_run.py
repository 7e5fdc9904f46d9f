import dataclasses
import json

import pytest

from symae.errors import InputError
from symae.probe import ProbeRequest, Question, probe, probe_results
from symae.probe import run as probing
from symae.recipes import find
from symae.request import Request
from symae.train import train


@pytest.fixture(scope="module")
def runs(class_folder, tmp_path_factory):
    """An auto-encoder and a classifier, trained for a moment."""
    out = tmp_path_factory.mktemp("runs")
    made = []
    for name in ("pretrain", "classify"):
        recipe = dataclasses.replace(find(name).smoke(), epochs=1, resize=None, crop=21)
        request = Request(recipe, data=str(class_folder), out=out / name, device="cpu")
        made.append(train(request, say=lambda _: None).path)
    return tuple(made)


@pytest.fixture
def ask(runs, class_folder, tmp_path):
    def make(out="figure", layers=(1, 3), **question):
        asked = Question(str(class_folder), **{"labels": 20, **question})
        return ProbeRequest(runs, asked, tmp_path / out, layers, "cpu")

    return make


def silent(*_):
    return lambda _: None


def test_every_run_and_layer_is_measured_and_all_work_is_told(ask):
    request, totals, told = ask(), [], []

    def progress(done, total):
        totals.append((done, total))
        return told.append

    figure = probe(request, progress)
    written = json.loads((request.out / "probe.json").read_text())
    assert [run["run"] for run in written["runs"]] == [str(path) for path in request.runs]
    for run in figure.runs:
        assert [score.layer for score in run.layers] == [1, 3]
        assert all(0 <= score.accuracy <= 100 and score.psnr > 5 for score in run.layers)
        assert len(run.values()) == 7
    assert [(done, pytest.approx(sum(told), abs=2)) for done, _ in totals] == totals
    assert {path.name for path in request.out.iterdir()} == {"probe.json", "probe.png", "probe.svg"}


def test_an_interrupted_command_goes_on_to_the_same_numbers(ask, monkeypatch):
    whole, broken = ask("whole"), ask("broken")
    probe(whole, silent)
    measured, first = [], probing.probe_layer

    def fails_on_the_third(*arguments):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(arguments[1])
        return first(*arguments)

    monkeypatch.setattr(probing, "probe_layer", fails_on_the_third)
    with pytest.raises(KeyboardInterrupt):
        probe(broken, silent)
    assert (broken.out / "probe.json").exists()
    monkeypatch.setattr(probing, "probe_layer", lambda *given: measured.append(given[1]) or first(*given))
    probe(broken, silent)
    assert measured == [1, 3, 1, 3]  # none of them twice
    for name in ("probe.json", "probe.svg"):
        assert (broken.out / name).read_bytes() == (whole.out / name).read_bytes()


def test_further_runs_and_layers_join_the_figure(ask):
    alone = dataclasses.replace(ask(layers=(1,)), runs=ask().runs[1:])
    before = probe(alone, silent).runs[0]
    figure = probe(ask(layers=(2,)), silent)
    assert [[score.layer for score in run.layers] for run in figure.runs] == [[1, 2], [2]]
    assert figure.runs[0].layers[0] == before.layers[0]


def test_what_is_done_asks_for_nothing(ask):
    probe(ask(layers=(2,)), silent)
    asked = []
    probe(ask(layers=(2,)), lambda *total: asked.append(total) or silent())
    assert not asked


def test_results_for_the_record_say_what_is_unusual(ask):
    request = ask(layers=(2,))
    results = list(probe_results(request, probe(request, silent)))
    assert [result.recipe for result in results] == ["pretrain", "classify"]
    assert set(results[0].values) == {
        *("probe_accuracy_2", "probe_psnr_2", "linear_accuracy", "knn1_accuracy", "knn20_accuracy")
    }
    assert results[0].changes["probe.labels"] == 20
    assert "probe.seed" not in results[0].changes
    assert (results[0].part, results[0].data) == ("test", results[1].data)


def test_a_layer_that_is_not_there_and_another_question(ask):
    with pytest.raises(InputError, match="layers 1 to"):
        probe(ask(layers=(1, 99)), silent)
    assert not ask().out.exists()
    probe(ask(layers=(2,)), silent)
    with pytest.raises(InputError, match="another --out"):
        probe(ask(layers=(2,), seed=1), silent)


def test_weights_stay_as_they_are(ask, runs):
    before = (runs[0] / "model.safetensors").read_bytes()
    probe(ask(layers=(2,)), silent)
    assert (runs[0] / "model.safetensors").read_bytes() == before
