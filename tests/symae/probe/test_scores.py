import dataclasses

import pytest

from symae.errors import InputError
from symae.probe.scores import Figure, FinalScore, LayerScore, RunScores, read_figure, write_figure

LAYER = LayerScore(2, 24, 29, 29, 41.5, 24.25, (29, 29), 1e-3, 6831)
RUN = RunScores("runs/a", "f00", "pretrain", "network2 x 0.25", (LAYER,), FinalScore(31.0, 25.0, 28.0))
FIGURE = Figure("cifar10", "abc", 4000, 0, 1, (RUN, dataclasses.replace(RUN, run="runs/b", layers=(), final=None)))


def test_what_is_written_is_read_again(tmp_path):
    write_figure(FIGURE, tmp_path / "probe.json")
    assert read_figure(tmp_path / "probe.json", dataclasses.replace(FIGURE, runs=())) == FIGURE


def test_without_a_file_it_begins_afresh(tmp_path):
    assert read_figure(tmp_path / "probe.json", FIGURE) is FIGURE


@pytest.mark.parametrize("other", [{"labels": 400}, {"seed": 1}, {"fingerprint": "def"}, {"method": 2}])
def test_answers_to_another_question_are_not_mixed(tmp_path, other):
    write_figure(FIGURE, tmp_path / "probe.json")
    with pytest.raises(InputError, match="choose another --out"):
        read_figure(tmp_path / "probe.json", dataclasses.replace(FIGURE, **other))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "probe.json").write_text('{"data": 3')
    with pytest.raises(InputError, match=r"probe\.json"):
        read_figure(tmp_path / "probe.json", FIGURE)


def test_layers_stand_in_order_and_values_have_names():
    run = RUN.with_layer(dataclasses.replace(LAYER, layer=1, accuracy=30.0))
    assert [score.layer for score in run.layers] == [1, 2]
    assert run.values() == {
        "probe_accuracy_1": 30.0,
        "probe_psnr_1": 24.25,
        "probe_accuracy_2": 41.5,
        "probe_psnr_2": 24.25,
        "linear_accuracy": 31.0,
        "knn1_accuracy": 25.0,
        "knn20_accuracy": 28.0,
    }


def test_a_run_that_was_trained_again_is_measured_again_at_its_place():
    again = RunScores("runs/a", "f01", "pretrain", "network2 x 0.25")
    assert FIGURE.scores(again) is again
    assert [run.weights for run in FIGURE.with_run(again).runs] == ["f01", "f00"]
    assert FIGURE.scores(dataclasses.replace(again, weights="f00")) is FIGURE.runs[0]
