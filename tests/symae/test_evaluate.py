import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from symae.coarse import VOC
from symae.corruption import GaussianNoise, SmallBlocks
from symae.data import DataOptions, Target, open_dataset
from symae.data.voc import VOC_CLASSES
from symae.evaluate import evaluate, measure, reconstructions
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


def test_accuracy_of_animals_and_vehicles_where_the_classes_are_cifars(tmp_path):
    names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    for number, name in enumerate(names):
        (tmp_path / name).mkdir()
        for copy in range(2):
            pixels = np.full((24, 24, 3), 20 * number + copy, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{copy}.png")
    dataset = open_dataset(str(tmp_path), target=Target.CLASS, part="train", options=DataOptions())
    constant = model("classify", names)
    torch.nn.init.zeros_(constant.head.classes.weight)
    constant.head.classes.bias.data = torch.eye(10)[names.index("ship")]
    values = evaluate(constant, recipe("classify"), dataset, device=CPU)
    assert values == pytest.approx({"accuracy": 10, "accuracy_animal": 0, "accuracy_vehicle": 25})


def test_precision_of_animals_and_vehicles_where_the_classes_are_vocs(tmp_path):
    """A score that every class shares ranks the images alike: bright ones show animals, dark ones vehicles."""
    lines = []
    for number in range(4):
        Image.fromarray(np.full((24, 24, 3), 200 - 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{';'.join(VOC['animal'] if number < 2 else VOC['vehicle'])}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    (tmp_path / "classes.txt").write_text("\n".join(VOC_CLASSES))
    dataset = open_dataset(str(tmp_path), target=Target.MULTILABEL, part="train", options=DataOptions())
    values = evaluate(Brightness(), recipe("classify-multi"), dataset, device=CPU)
    # Of vehicles the ranking is absent, absent, present, present: 1/3 and 2/4 at ranks 3 and 4, best at any recall 1/2.
    assert values == pytest.approx(
        {
            "mean_average_precision": (6 * 100 + 7 * 50) / 13,
            "mean_average_precision_animal": 100,
            "mean_average_precision_vehicle": 50,
        },
        abs=1e-3,
    )


class Brightness(torch.nn.Module):
    """Scores each of VOC's classes by how bright an image is."""

    def forward(self, images, masks=None):
        return images.mean((1, 2, 3))[:, None].expand(-1, len(VOC_CLASSES))


def test_a_segmenter_that_sees_background_alone(map_folder):
    dataset = open_dataset(str(map_folder), target=Target.MAP, part="train", options=DataOptions())
    constant = model("segment", dataset.classes)
    torch.nn.init.zeros_(constant.head.weight)
    constant.head.bias.data = torch.tensor([1.0, 0.0])
    values = evaluate(constant, recipe("segment", test_crops="whole"), dataset, device=CPU)
    ground = 100 * float(np.mean([dataset[i].target == 0 for i in range(len(dataset))]))
    assert values["pixel_accuracy"] == pytest.approx(ground, abs=1e-3)
    assert values["mean_iou"] == pytest.approx(ground / 2, abs=1e-3)  # the square's IoU is 0


def test_scores_of_classes_come_to_those_of_all(class_folder, map_folder):
    options = DataOptions()
    dataset = open_dataset(str(class_folder), target=Target.CLASS, part="test", options=options)
    measured = measure(model("classify", dataset.classes), recipe("classify"), dataset, device=CPU)
    recalls, counts = measured.classes.values, measured.classes.counts
    assert counts == (4, 4)
    assert np.average(recalls, weights=counts) == pytest.approx(measured.values["accuracy"])
    maps = open_dataset(str(map_folder), target=Target.MAP, part="train", options=options)
    measured = measure(model("segment", maps.classes), recipe("segment"), maps, device=CPU)
    assert np.mean(measured.classes.values) == pytest.approx(measured.values["mean_iou"], abs=1e-3)
    assert sum(measured.classes.counts) == sum(maps[i].target.size for i in range(len(maps)))
