from pathlib import Path

import pytest
from click.testing import CliRunner

import export
from export.verify import Difference
from symae.cli import main
from symae.errors import VerificationError


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
    assert asked == [(Path("runs/a"), Path("models"), {"name": "photos", "layer": 4})]
    assert result.output == (
        "models/photos-encoder/1/model.onnx  1.23 MB  "
        "verified: embedding differs by 1.5e-06 at (0, 2) for images 3x29x29, allowed 0.0001\n"
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
