import numpy as np
import pytest
import torch

from export.graph import AutoencoderGraph, ClassifierGraph, EncoderGraph, SegmenterGraph


def planes(images):
    return torch.tensor(images.transpose(0, 3, 1, 2) / 255.0, dtype=torch.float32)


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def test_autoencoder_takes_and_gives_bytes(trained, spec, images):
    model, _ = trained(spec)
    masks = np.zeros(images.shape[:3], np.uint8)
    masks[0, 2:5, 3:9], masks[1, 4:6] = 1, 255
    got = AutoencoderGraph(model)(torch.tensor(images), torch.tensor(masks))
    expected = np.clip(np.rint(model(planes(images), torch.tensor(masks != 0)).numpy() * 255.0), 0, 255)
    assert got.dtype == torch.uint8
    assert np.array_equal(got.numpy(), expected.transpose(0, 2, 3, 1))


def test_hidden_pixels_do_not_matter(trained, narrow, images):
    graph = AutoencoderGraph(trained(narrow["network2"])[0])
    masks = np.zeros(images.shape[:3], np.uint8)
    masks[:, 5:9, 5:9] = 7
    other = np.where(masks[..., None] > 0, 255 - images, images)
    assert torch.equal(*(graph(torch.tensor(x), torch.tensor(masks)) for x in (images, other)))


def test_encoder_gives_a_layer_and_its_mean(trained, spec, images):
    model, _ = trained(spec)
    embedding, features = EncoderGraph(model.encoder, 3)(torch.tensor(images))
    assert torch.equal(features, model.encoder.feature_map(planes(images), 3))
    assert embedding.shape == features.shape[:2]
    np.testing.assert_allclose(embedding, features.numpy().mean((2, 3)), atol=1e-5)


def test_classifier_gives_one_distribution_or_a_number_for_each_class(trained, spec, images):
    model, _ = trained(spec, "classify")
    scores = model(planes(images)).double().numpy()
    one = ClassifierGraph(model, multi_label=False)(torch.tensor(images))
    each = ClassifierGraph(model, multi_label=True)(torch.tensor(images))
    np.testing.assert_allclose(one, np.exp(scores) / np.exp(scores).sum(1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(each, 1 / (1 + np.exp(-scores)), atol=1e-6)


def test_segmenter_gives_the_most_probable_class_of_every_pixel(trained, narrow, images):
    model, _ = trained(narrow["network2"], "segment")
    labels, probabilities = SegmenterGraph(model)(torch.tensor(images))
    assert labels.dtype == torch.uint8
    assert labels.shape == images.shape[:3]
    assert torch.equal(labels, probabilities.argmax(1).to(torch.uint8))
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
