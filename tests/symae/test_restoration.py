import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from symae.denoising import add_noise, ensemble
from symae.errors import DataError, RunError
from symae.networks import network1
from symae.restoration import Protocol, images_of, measure
from symae.restorers import NetworkRestorer
from symae.weights import ModelCard, build, save

SPEC = network1((2, 2, 0, 0), 4)
EVERYTHING = Protocol((15.0, 50.0), ensemble=True, inpainting=True)


def quiet(done, total):
    return lambda more: None


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "few"
    folder.mkdir()
    for number, (height, width) in enumerate(((37, 50), (48, 33))):
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        small.resize((width, height)).save(folder / f"{number}.png")
    return folder


def weights(tmp_path, channels=3, silent=False):
    card = ModelCard("pretrain", dataclasses.replace(SPEC, channels=channels), 24)
    network = build(card).eval()
    if silent:  # its output is its input
        torch.nn.init.zeros_(network.output.weight)
    save(network, card, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_the_identity_has_the_psnr_of_the_noise(photographs, tmp_path):
    values = measure(weights(tmp_path, silent=True), photographs, EVERYTHING, device="cpu", start=quiet)
    assert values["psnr_sigma15"] == pytest.approx(24.6, abs=0.5)
    assert values["psnr_sigma15_ensemble"] == pytest.approx(values["psnr_sigma15"], abs=0.02)
    assert values["psnr_sigma50"] < values["psnr_sigma15"]
    assert set(values) == {
        *(f"{metric}_sigma{n}{way}" for metric in ("psnr", "ssim") for n in (15, 50) for way in ("", "_ensemble")),
        *(f"psnr_{holes}{way}" for holes in ("big_block", "small_blocks") for way in ("", "_input")),
        "seconds_per_image",
    }


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_weights_give_the_same_numbers_in_gray_and_colour(photographs, tmp_path, channels):
    file = weights(tmp_path, channels)
    first, again = (measure(file, photographs, EVERYTHING, device="cpu", start=quiet) for _ in range(2))
    del first["seconds_per_image"], again["seconds_per_image"]
    assert first == again


def test_progress_counts_the_images(photographs, tmp_path):
    told = []
    measure(
        weights(tmp_path), photographs, Protocol((25,)), device="cpu", start=lambda *n: told.append(n) or told.append
    )
    assert told == [(0, 2), 1, 1]


def test_a_restorer_is_the_network_and_sees_nothing_that_is_missing(tmp_path):
    network = build(ModelCard("pretrain", SPEC, 24))
    torch.nn.init.normal_(network.output.weight)
    restorer = NetworkRestorer(network)
    image = add_noise(np.full((21, 26, 3), 99, np.uint8), 25)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    np.testing.assert_allclose(restorer.denoise(image, 25), expected, atol=1e-5)
    assert ensemble(restorer.denoise)(image, 25).shape == image.shape
    missing = np.zeros((21, 26), bool)
    missing[5:12, 3:9] = True
    other = np.where(missing[..., None], np.float32(7), image)
    assert np.array_equal(restorer.inpaint(image, missing), restorer.inpaint(other, missing))


def test_what_cannot_be_measured_is_refused(photographs, tmp_path):
    card = ModelCard("classify", SPEC, 24, classes=("a", "b"))
    save(build(card), card, tmp_path / "classifier.safetensors")
    with pytest.raises(RunError, match="no auto-encoder"):
        measure(tmp_path / "classifier.safetensors", photographs, EVERYTHING, device="cpu", start=quiet)
    with pytest.raises(DataError, match="is no folder"):
        images_of(tmp_path / "nowhere")
    with pytest.raises(DataError, match="0-255 scale"):
        Protocol((15, -5))
    (photographs / "2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2\.png cannot be read"):
        measure(weights(tmp_path), photographs, Protocol((25,)), device="cpu", start=quiet)
