import json

import pytest
from click.testing import CliRunner

from symae.cli import main

TINY = [
    *("--set", "network.width=0.125", "--set", "epochs=1", "--set", "crop=21", "--set", "resize=null"),
    *("--set", "batch_size=8", "--device", "cpu"),
]


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(class_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "tiny"
    result = run("train", "pretrain", "--data", class_folder, "--out", out, *TINY)
    assert result.exit_code == 0, result.output
    return out


def test_a_table_files_and_a_record(trained, class_folder, tmp_path):
    record = tmp_path / "results.jsonl"
    options = ("--data", class_folder, "--out", tmp_path / "f", "--labels", 20, "--layers", "1,2", "--device", "cpu")
    result = run("probe", trained, *options, "--record", record)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == ["layer", "1", "2", "linear", "1-NN", "20-NN"]
    values = json.loads(record.read_text())["values"]
    assert rows[1][1:] == [f"{values['probe_accuracy_1']:.2f}", f"{values['probe_psnr_1']:.2f}"]


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--layers", "x"), "1,4,6-8"), (("--labels", 2000), "has"), (("--labels", 4), "raise --labels")],
)
def test_what_is_wrong_is_one_line(trained, class_folder, tmp_path, options, message):
    result = run("probe", trained, "--data", class_folder, "--out", tmp_path / "f", "--device", "cpu", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    assert message in result.stderr
    assert not (tmp_path / "f").exists()


def test_a_run_without_weights(class_folder, tmp_path):
    result = run("probe", tmp_path, "--data", class_folder, "--out", tmp_path / "f")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
