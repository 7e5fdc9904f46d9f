from pathlib import Path

import pytest
from click.testing import CliRunner

import export
from export.loss import Loss
from export.precision import Limits, Reduced
from export.verify import Difference
from symae.cli import main
from symae.errors import VerificationError

UNTOLD = {"precision": "fp32", "calibrate": None, "limits": Limits(0.2, 0.5)}


def test_one_line_for_each_model(monkeypatch):
    asked = []

    def fake(run: Path, repository: Path, **options):
        asked.append((run, repository, options))
        worst = Difference(1.5e-6, 1e-4, "embedding", (3, 29, 29), (0, 2))
        path = repository / "photos-encoder" / "1" / "model.onnx"
        return [export.Exported("encoder", path, 1_234_567, worst)]

    monkeypatch.setattr(export, "export_run", fake)
    arguments = ["export", "runs/a", "--repository", "models", "--name", "photos", "--layer", "4"]
    result = CliRunner().invoke(main, arguments)
    assert asked == [(Path("runs/a"), Path("models"), {**UNTOLD, "name": "photos", "layer": 4})]
    assert result.output == (
        "models/photos-encoder/1/model.onnx  1.23 MB  "
        "verified: embedding differs by 1.5e-06 at (0, 2) for images 3x29x29, allowed 0.0001\n"
    )


def test_a_lower_precision_says_what_it_loses_and_gains(monkeypatch):
    asked = []

    def fake(run: Path, repository: Path, **options):
        asked.append(options)
        worst = Difference(1.5e-6, 1e-4, "embedding", (3, 29, 29), (0, 2))
        reduced = Reduced(None, Loss(0.077, "dB", "PSNR", 936), 1.62, 0.31, "int8, calibrated by percentile")
        return [export.Exported("autoencoder", Path("models/a/1/model.onnx"), 1_270_000, worst, reduced)]

    monkeypatch.setattr(export, "export_run", fake)
    arguments = ["export", "runs/a", "--repository", "models", "--precision", "int8", "--calibrate", "photos/"]
    result = CliRunner().invoke(main, [*arguments, "--max-loss-db", "0.1"])
    told = {"name": None, "layer": None, "precision": "int8", "calibrate": "photos/", "limits": Limits(0.1, 0.5)}
    assert asked == [told]
    assert result.output == (
        "models/a/1/model.onnx  1.27 MB  lost 0.077 dB of PSNR on 936 images; "
        "1.62 times as fast on this CPU, 0.31 of the size (int8, calibrated by percentile)\n"
    )


def test_a_failed_verification_exits_with_1(monkeypatch):
    def fake(*_, **__):
        raise VerificationError("the exported encoder is not the trained network: embedding differs")

    monkeypatch.setattr(export, "export_run", fake)
    result = CliRunner().invoke(main, ["export", "run", "--repository", "models"])
    assert result.exit_code == 1
    assert result.stderr == "symae: the exported encoder is not the trained network: embedding differs\n"


@pytest.mark.parametrize("name", [[], ["--name", "../x"]])
def test_what_the_user_got_wrong_is_one_line_and_exits_with_2(tmp_path, name):
    result = CliRunner().invoke(main, ["export", str(tmp_path / "run"), "--repository", str(tmp_path / "m"), *name])
    assert result.exit_code == 2
    assert result.stderr.startswith("symae: ")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
