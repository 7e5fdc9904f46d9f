import dataclasses
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from benchmarks.denoisers import classic, of_model, of_run
from benchmarks.denoising import main
from benchmarks.scores import Case, Scores
from export.run import export_run
from symae.denoising import Score, add_noise, as_seen
from symae.networks.autoencoder import initialise
from symae.recipes import find
from symae.request import Request
from symae.results import read_results
from symae.train import train
from symae.weights import load, save

SCORE = Score(30.0, 0.9, 1.5, 1.4)


@pytest.fixture(scope="module")
def trained(class_folder, tmp_path_factory):
    recipe = dataclasses.replace(find("pretrain").smoke(), epochs=1, resize=None, crop=21)
    out = tmp_path_factory.mktemp("bench") / "tiny"
    run = train(Request(recipe, data=str(class_folder), out=out, device="cpu"), say=lambda _: None)
    model, card = load(run.path)
    initialise(model, rule="he")
    torch.nn.init.normal_(model.output.weight, std=0.2)  # an output that is far from its input
    save(model, card, run.weights)
    return run.path


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    repository = tmp_path_factory.mktemp("models")
    export_run(trained, repository)
    return repository / "tiny-autoencoder"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "cbsd2"
    folder.mkdir()
    for shade in (60, 190):
        ramp = np.arange(20, dtype=np.uint8)[:, None, None] + np.full((20, 24, 3), shade, np.uint8)
        Image.fromarray(ramp).save(folder / f"{shade}.png")
    return folder


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_all_methods_run_once_and_are_recorded(trained, exported, pictures, tmp_path):
    scores, results = tmp_path / "scores.jsonl", tmp_path / "results.jsonl"
    options = ("--data", pictures, "--run", trained, "--model", exported, "--method", "nl-means", "--ensemble")
    options += ("--sigma", 25, "--scores", scores, "--record", results)
    assert "nl-means" in run(*options).stdout
    lines = scores.read_text()
    assert len(lines.splitlines()) == 2 * 5  # images x methods, of which two have their ensemble
    recorded = list(read_results(results))
    assert [result.recipe for result in recorded] == ["pretrain", "pretrain", "pretrain", "pretrain", "nl-means"]
    assert {result.data for result in recorded} == {"cbsd2"}
    assert {"psnr_sigma25_ensemble", "cpu_seconds_per_image_ensemble"} <= set(recorded[2].values)
    assert recorded[0].values["psnr_sigma25"] == pytest.approx(recorded[1].values["psnr_sigma25"], abs=0.01)
    run(*options)
    assert scores.read_text() == lines


def test_no_time_left_keeps_what_is_done_and_records_nothing(pictures, tmp_path):
    scores, results = tmp_path / "scores.jsonl", tmp_path / "results.jsonl"
    options = ("--data", pictures, "--method", "nl-means", "--sigma", 25, "--scores", scores, "--record", results)
    run(*options)
    first, results_before = scores.read_text().splitlines()[0], results.read_text()
    scores.write_text(first + "\n")
    assert "(1)" in run(*options, "--minutes", 0).stdout  # of two images
    assert results.read_text() == results_before


def test_the_exported_graph_takes_noise_that_is_not_clipped(trained, exported):
    noisy = add_noise(np.full((19, 23, 3), 250, np.uint8), 50)
    torch_run, onnx_run = of_run(trained), of_model(exported, 1, "CPU")
    assert torch_run.channels == onnx_run.channels == 3
    np.testing.assert_allclose(onnx_run.denoiser(noisy, 50), as_seen(torch_run.denoiser(noisy, 50)), atol=1.01 / 255)
    assert not np.allclose(onnx_run.denoiser(noisy, 50), onnx_run.denoiser(np.clip(noisy, 0, 1), 50), atol=2 / 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_non_local_means_removes_noise(channels):
    clean = np.full((40, 40, channels), 128, np.uint8)
    noisy = add_noise(clean, 25)
    restored = classic("nl-means", "CPU").denoiser(noisy, 25)
    assert restored.shape == noisy.shape
    assert np.abs(restored - clean / 255).mean() < np.abs(noisy - clean / 255).mean() / 3


@pytest.mark.parametrize("channels", [1, 3])
def test_bm3d_removes_noise(channels):
    pytest.importorskip("bm3d", reason="its licence keeps it out of the project: `pip install bm3d` runs this test")
    clean = np.full((40, 40, channels), 128, np.uint8)
    noisy = add_noise(clean, 25)
    restored = classic("bm3d", "CPU").denoiser(noisy, 25)
    assert restored.shape == noisy.shape
    assert np.abs(restored - clean / 255).mean() < np.abs(noisy - clean / 255).mean() / 3


def test_gray_images_are_not_given_to_a_colour_model(trained, tmp_path):
    (tmp_path / "gray").mkdir()
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "gray" / "0.png")
    result = run("--data", tmp_path / "gray", "--run", trained, "--scores", tmp_path / "s.jsonl")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "3 channels" in result.stderr


def test_kept_scores_survive_half_a_line(tmp_path):
    file = tmp_path / "scores.jsonl"
    one, two = (Case("m", "d", image, 25.0, 0, 1) for image in ("a", "b"))
    Scores(file).add(one, SCORE)
    with file.open("a") as lines:
        lines.write(json.dumps({"case": dataclasses.asdict(two)})[:30])
    kept = Scores(file)
    assert one in kept and two not in kept
    kept.add(two, SCORE)
    assert Scores(file)[two] == Scores(file)[one] == SCORE
