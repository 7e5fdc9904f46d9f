import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from symae.cli import main
from symae.plain import finite
from symae.results import read_results

TINY = ["--set", "network.width=0.125", "--set", "epochs=1", "--set", "crop=21", "--set", "resize=null"]


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(class_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("restoration") / "run"
    result = run("train", "pretrain", "--data", class_folder, "--out", out, "--device", "cpu", *TINY)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "bsd2"
    folder.mkdir()
    for shade in (60, 200):
        Image.fromarray(np.full((40, 44, 3), shade, np.uint8)).save(folder / f"{shade}.png")
    return folder


def test_a_run_is_measured_and_recorded_under_the_folders_name(trained, pictures, tmp_path):
    file = tmp_path / "results.jsonl"
    options = ("--data", pictures, "--sigma", 25, "--ensemble", "--inpainting", "--device", "cpu")
    result = run("restoration", trained, *options, "--json", "--record", file)
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert {"psnr_sigma25", "psnr_sigma25_ensemble", "psnr_big_block"} <= set(values)
    (recorded,) = read_results(file)
    assert (recorded.recipe, recorded.data, finite(recorded.values)) == ("pretrain", "bsd2", values)
    assert "psnr_sigma25" in run("restoration", trained, *options).stdout


def test_a_missing_folder_is_one_line(trained, tmp_path):
    result = run("restoration", trained, "--data", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "is no folder" in result.stderr and len(result.stderr.splitlines()) == 1
