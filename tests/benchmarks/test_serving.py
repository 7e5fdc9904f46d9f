"""The benchmark of the server runs, on a model that is quick to write."""

import json

import pytest
from click.testing import CliRunner

from benchmarks import serving, serving_models
from benchmarks.lines import Line
from benchmarks.serving_measures import without_batches
from symae.networks import network1


def test_the_verdict_of_a_line():
    assert Line("a", "", 0.9, True, 0.9).met and not Line("a", "", 0.9, True, 0.89).met
    assert Line("a", "", 2.0, False, 2.0).met and not Line("a", "", 2.0, False, 2.1).met


def test_the_models_cost_what_they_are_said_to():
    costs = [serving_models.gflop(name) for name in (serving_models.SMALL, serving_models.LARGE)]
    assert costs == [pytest.approx(0.03, rel=0.1), pytest.approx(2.9, rel=0.02)]


def test_a_queue_without_batches():
    assert without_batches(0.01) == pytest.approx(1.0, abs=0.05)
    assert 3 < without_batches(0.7) < 5
    assert without_batches(1.1) is None


def test_one_command_measures_and_records(tmp_path, monkeypatch):
    spec = network1((2,), 4)
    monkeypatch.setattr(serving_models, "SPECS", dict.fromkeys(serving_models.SPECS, spec))
    monkeypatch.setattr(serving, "QUICK", serving.Effort(rounds=1, seconds=0.1, soak=5))
    file = tmp_path / "serving.jsonl"
    only = [word for name in ("one-image", "added-time", "start") for word in ("--only", name)]
    command = ["--quick", "--models", str(tmp_path / "models"), "--record", str(file), *only]
    result = CliRunner().invoke(serving.main, command)
    assert result.exit_code == 0, result.output
    (run,) = map(json.loads, file.read_text().splitlines())
    keys = {"one-raw-1", "one-jpeg-32", "added-p50", "start"}
    assert keys <= set(run["figures"])
    for figure in run["figures"].values():
        assert figure["value"] > 0 and figure["met"] in (True, False)
    assert {"commit", "date", "device", "versions", "effort"} <= run.keys()
    assert result.stdout.count("met") + result.stdout.count("MISSED") == len(run["figures"])
