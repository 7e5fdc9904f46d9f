import dataclasses

import pytest

from benchmarks.scale_precision import measure
from symae.recipes import find
from symae.run import Run, create
from symae.weights import WEIGHTS, ModelCard, build, save

RECIPE = dataclasses.replace(find("scenes-classify"), crop=32)


@pytest.fixture
def run(tmp_path):
    network = dataclasses.replace(RECIPE.network, width=0.25)
    recipe = dataclasses.replace(RECIPE, network=network, initialise="nothing")
    create(Run(tmp_path / "run", recipe, 0, "scenes", ""))
    card = ModelCard("classify", network, 32, classes=tuple("0123456789"), multi_label=True)
    save(build(card), card, tmp_path / "run" / WEIGHTS)
    return tmp_path / "run"


def test_int8_is_measured_beside_fp32(run, monkeypatch):
    monkeypatch.setenv("SYMAE_CLASSIFIER_RUN", str(run))
    lines = {line.key: line for line in measure(quick=True)}
    names = ("shipped-autoencoder", "classifier", "encoder")
    assert list(lines) == [f"int8-{name}{what}" for name in names for what in ("", "-lost")]
    assert lines["int8-shipped-autoencoder-lost"].value < 1
    assert all(lines[f"int8-{name}"].value > 0 for name in names)  # so short a measurement tells nothing


def test_without_a_run_the_shipped_model_alone_is_measured(monkeypatch, capsys):
    monkeypatch.delenv("SYMAE_CLASSIFIER_RUN", raising=False)
    assert len(list(measure(quick=True))) == 2
    assert "skipped" in capsys.readouterr().err
