import dataclasses

import pytest
import torch

from symae.networks import Classifier, Segmenter, SymmetricAutoencoder, network1, network2, network3, wide_resnet
from symae.weights import ModelCard

SPECS = {spec.name: dataclasses.replace(spec, width=1 / 16) for spec in (network1(), network2(), network3())}
IMAGES = torch.rand(2, 3, 21, 30)


@pytest.fixture(params=[*SPECS, "wide_resnet"])
def model(request):
    spec = SPECS.get(request.param) or dataclasses.replace(wide_resnet(16, 2), width=1 / 4)
    return Classifier(spec, classes=5).eval()


def test_features_are_the_last_map_of_the_encoder(model):
    features = model.forward_features(IMAGES)
    assert torch.equal(features, model.encoder(IMAGES).features)
    assert features.shape[:2] == (2, model.num_features)


def test_features_and_head_are_the_classifier(model):
    features = model.forward_features(IMAGES)
    assert torch.equal(model.forward_head(features), model(IMAGES))
    assert torch.equal(model.forward_head(features, pre_logits=True), features.mean((2, 3)))
    assert model.num_classes == 5


@pytest.mark.parametrize("kind", [SymmetricAutoencoder, lambda spec: Segmenter(spec, 3)])
def test_auto_encoders_and_segmenters_have_them_too(kind):
    model = kind(SPECS["network2"]).eval()
    assert torch.equal(model.forward_features(IMAGES), model.encoder(IMAGES).features)


def test_feature_info_tells_channels_size_and_module_of_every_map(model):
    last, maps = model.forward_intermediates(IMAGES)
    assert torch.equal(last, model.forward_features(IMAGES))
    modules = dict(model.named_modules())
    for info, found in zip(model.feature_info, maps, strict=True):
        side = info["reduction"]
        assert found.shape == (2, info["num_chs"], -(-21 // side), -(-30 // side))
        assert info["module"] in modules
    assert [info["reduction"] for info in model.feature_info] == sorted(
        {info["reduction"] for info in model.feature_info}
    )


def test_intermediates_are_chosen_by_index_or_by_number(model):
    _, every = model.forward_intermediates(IMAGES)
    for indices, expected in ((2, every[-2:]), (99, every), ([0, -1], [every[0], every[-1]]), ([], []), (0, [])):
        chosen = model.forward_intermediates(IMAGES, indices, intermediates_only=True)
        assert len(chosen) == len(expected)
        assert all(map(torch.equal, chosen, expected))


def test_timm_is_told_the_size_of_training_and_to_leave_the_values():
    model = SymmetricAutoencoder(SPECS["network2"])
    assert (model.pretrained_cfg["mean"], model.pretrained_cfg["std"]) == ((0, 0, 0), (1, 1, 1))
    model.card = ModelCard("pretrain", model.spec, 32, resize=40)
    told = model.pretrained_cfg
    assert (told["input_size"], told["crop_pct"]) == ((3, 32, 32), 0.8)
