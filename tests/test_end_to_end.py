"""PyTorch against what a real server answers: the same model, the same numbers."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from export import export_run
from serve.client import Client
from serve.config import ServeConfig
from serve.errors import ServeError
from serve.server import load_sessions, running
from symae.data import DataOptions, Target, evaluation_batches, open_dataset
from symae.networks import network1
from symae.recipes import find
from symae.request import Request
from symae.train import train
from symae.weights import load

SIZES = [(29, 29), (32, 37), (89, 89), (224, 320), (1, 1)]
NETWORK = network1((2, 2, 2, 0), 6)


@pytest.fixture(scope="module")
def runs(class_folder, map_folder, tmp_path_factory):
    """A pre-trained, a classifying and a segmenting run, trained for real, shortly."""
    out = tmp_path_factory.mktemp("runs")
    settings = {"network": NETWORK, "epochs": 2, "batch_size": 8, "crop": 24, "resize": 32, "keep": "last"}
    made = {}
    for name, data in (("pretrain", class_folder), ("classify", class_folder), ("segment", map_folder)):
        recipe = dataclasses.replace(find(name), **settings, learning_rate=0.01, hold_epochs=0, validation=0.25)
        init = made.get("pretrain")
        request = Request(recipe, data=str(data), out=out / name, init=init, device="cpu")
        made[name] = train(request, say=lambda _: None).path
    return made


@pytest.fixture(scope="module")
def client(runs, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    for run in runs.values():
        export_run(run, models)
    config = ServeConfig(address="127.0.0.1:0")
    with running(load_sessions(models, config), config) as address, Client(address) as client:
        yield client


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).float() / 255


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_reconstructions_are_equal_to_a_rounding_step(runs, client, height, width):
    model, _ = load(runs["pretrain"])
    image = picture(height, width)
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, : width // 3] = 255
    for masks in ((), (mask,)):
        with torch.inference_mode():
            x = model(tensor(image), torch.from_numpy(mask > 0).unsqueeze(0) if masks else None)
        expected = (x.clamp(0, 1) * 255)[0].permute(1, 2, 0).numpy()
        served = client.reconstruct([image], masks=masks).images[0]
        assert np.abs(served - expected).max() <= 0.501


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_embeddings_are_equal_to_1e_4(runs, client, height, width):
    model, _ = load(runs["classify"])
    image = picture(height, width)
    with torch.inference_mode():
        expected = model.encoder.feature_map(tensor(image))
    served = client.embed([image], model="classify-encoder", keep_size=True, feature_maps=True)
    np.testing.assert_allclose(served.embeddings[0], expected.mean((2, 3))[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(served.feature_maps[0], expected[0].numpy(), atol=1e-4)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_classes_are_equal(runs, client, height, width):
    model, card = load(runs["classify"])
    image = picture(height, width)
    with torch.inference_mode():
        expected = model(tensor(image)).softmax(1)[0].numpy()
    served = client.classify([image], keep_size=True, top_k=1)
    np.testing.assert_allclose(served.probabilities[0], expected, atol=1e-4)
    assert served.top[0][0][0] == card.classes[int(expected.argmax())]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_label_maps_are_equal_on_999_of_1000_pixels(runs, client, height, width):
    model, _ = load(runs["segment"])
    image = picture(height, width)
    with torch.inference_mode():
        expected = model(tensor(image)).argmax(1)[0].numpy()
    served = client.segment([image]).labels[0]
    assert (served == expected).mean() >= 0.999


def test_many_images_in_a_request_are_answered_as_one_by_one(client):
    images = [picture(29, 29), picture(32, 37), picture(29, 29)]
    together = client.reconstruct(images).images
    for image, answer in zip(images, together, strict=True):
        np.testing.assert_array_equal(answer, client.reconstruct([image]).images[0])


def test_a_served_file_is_seen_as_in_training(runs, client, tmp_path):
    """Decoded, resized and cropped alike by the trainer and by the server."""
    model, card = load(runs["classify"])
    Image.fromarray(picture(61, 47)).save(tmp_path / "one.jpg")
    dataset = open_dataset(str(tmp_path), target=Target.NONE, part="train", options=DataOptions())
    batch = next(
        evaluation_batches(dataset, batch_size=1, crop=card.crop, resize=card.resize, device=torch.device("cpu"))
    )
    with torch.inference_mode():
        expected = model(batch.images.float() / 255).softmax(1)[0].numpy()
    np.testing.assert_allclose(client.classify([tmp_path / "one.jpg"]).probabilities[0], expected, atol=1e-4)


def test_a_model_of_the_wrong_kind_is_refused(client):
    with pytest.raises(ServeError, match="classify-classifier"):
        client.segment([picture(29, 29)], model="classify-classifier")
