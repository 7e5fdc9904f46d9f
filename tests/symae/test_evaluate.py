import dataclasses

import numpy as np
import pytest
import torch

from symae.corruption import GaussianNoise, SmallBlocks
from symae.data import DataOptions, Target, open_dataset
from symae.evaluate import evaluate, main_metric, reconstructions
from symae.networks import SymmetricAutoencoder, network1
from symae.recipes import find
from symae.weights import ModelCard, build

CPU = torch.device("cpu")
SPEC = network1((2, 2, 0, 0), 4)


def recipe(name, **changes):
    return dataclasses.replace(find(name), network=SPEC, crop=24, resize=None, batch_size=5, **changes)


def model(stage, classes=()):
    return build(ModelCard(stage, SPEC, 24, classes=classes)).eval()


@pytest.fixture
def identity():
    """An auto-encoder whose decoder gives nothing: its output is its input."""
    network = SymmetricAutoencoder(SPEC).eval()
    torch.nn.init.zeros_(network.output.weight)
    return network


def test_the_identity_restores_noise_to_noise(identity, class_folder):
    noisy = recipe("pretrain", corruption=GaussianNoise(25.5))
    dataset = open_dataset(str(class_folder), target=Target.NONE, part="test", options=DataOptions())
    values = evaluate(identity, noisy, dataset, device=CPU)
    assert values["psnr"] == pytest.approx(values["psnr_input"], abs=1e-4)
    assert values["psnr"] == pytest.approx(20, abs=0.7)  # 10 log10(1 / 0.1^2), a little more for the clamp


def test_missing_pixels_count_as_what_the_network_sees(identity, class_folder):
    masked = recipe("pretrain", corruption=SmallBlocks())
    dataset = open_dataset(str(class_folder), target=Target.NONE, part="test", options=DataOptions())
    for batch in reconstructions(identity, masked, dataset, device=CPU):
        torch.testing.assert_close(batch.restored, batch.damaged.clamp(0, 1))
        assert not torch.equal(batch.damaged, batch.clean)


def test_the_same_seed_gives_the_same_numbers_and_the_mode_comes_back(identity, class_folder):
    dataset = open_dataset(str(class_folder), target=Target.NONE, part="test", options=DataOptions())
    identity.train()
    first, again, other = (evaluate(identity, recipe("pretrain"), dataset, device=CPU, seed=s) for s in (1, 1, 2))
    assert first == again != other
    assert identity.training


def test_accuracy_of_a_classifier_that_always_says_the_same(class_folder):
    dataset = open_dataset(str(class_folder), target=Target.CLASS, part="test", options=DataOptions())
    constant = model("classify", dataset.classes)
    torch.nn.init.zeros_(constant.head.classes.weight)
    constant.head.classes.bias.data = torch.tensor([1.0, 0.0])
    share = 100 * float((np.asarray(dataset.labels) == 0).mean())
    for crops in ("centre", "whole", 3):
        values = evaluate(constant, recipe("classify", test_crops=crops), dataset, device=CPU)
        assert values == {"accuracy": pytest.approx(share)}


def test_a_segmenter_that_sees_background_alone(map_folder):
    dataset = open_dataset(str(map_folder), target=Target.MAP, part="train", options=DataOptions())
    constant = model("segment", dataset.classes)
    torch.nn.init.zeros_(constant.head.weight)
    constant.head.bias.data = torch.tensor([1.0, 0.0])
    values = evaluate(constant, recipe("segment", test_crops="whole"), dataset, device=CPU)
    ground = 100 * float(np.mean([dataset[i].target == 0 for i in range(len(dataset))]))
    assert values["pixel_accuracy"] == pytest.approx(ground, abs=1e-3)
    assert values["mean_iou"] == pytest.approx(ground / 2, abs=1e-3)  # the square's IoU is 0


def test_every_stage_has_its_main_metric():
    names = {name: main_metric(find(name)) for name in ("pretrain", "classify", "classify-multi", "segment")}
    assert list(names.values()) == ["psnr", "accuracy", "mean_average_precision", "mean_iou"]
