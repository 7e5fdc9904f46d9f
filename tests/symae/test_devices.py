"""Several processes train as one does: losses, weights, what is written, how it ends. Each test starts real ones."""

import csv
import dataclasses
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from symae.errors import DataError, InputError, Interrupted
from symae.recipes import find
from symae.request import Request
from symae.train import train
from symae.weights import load_tensors

# Adam's first steps go by the sign of a gradient, also of one that is 0 up to rounding; and near the kink of a ReLU
# either side is right. So pre-training is compared without Adam, with a seed that has no such value.
STEADY = ("optimizer=sgd", "learning_rate=0.01")
PRETRAIN = (
    *STEADY,
    *("average=0.9", "corruption_probability=0.5", "augmentation.shift=2", "augmentation.brightness=0.2"),
    *('corruption={"kind":"small-blocks"}', "loss=masked", "epochs=3", "keep=best", "clip=1"),
)
CLASSIFY = ("epochs=3", "hold_epochs=1", "augmentation.mix=cutmix", "label_smoothing=0.1", "batch_size=10")


def request(data: Path, out: Path, name: str = "pretrain", **changes: object) -> Request:
    recipe = dataclasses.replace(find(name).smoke(), validation=0.2, resize=None, crop=21)
    return Request(recipe, data=str(data), out=out, device="cpu", **changes)  # type: ignore[arg-type]


def quiet(line: str) -> None:
    """Take a line of news and drop it."""


def losses(run: Path) -> list[float]:
    with (run / "metrics.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def same(one: Path, other: Path) -> None:
    assert losses(one) == pytest.approx(losses(other), abs=1e-5)
    first, second = (torch.load(run / "last.ckpt", weights_only=True) for run in (one, other))
    assert first["global_step"] == second["global_step"]
    assert first["state_dict"].keys() == second["state_dict"].keys()
    for name, tensor in first["state_dict"].items():
        assert torch.allclose(tensor, second["state_dict"][name], atol=1e-4), name
    kept, others = load_tensors(one), load_tensors(other)
    assert kept.keys() == others.keys()
    assert all(torch.allclose(kept[name], others[name], atol=1e-4) for name in kept)


def test_two_processes_pretrain_as_one(class_folder, tmp_path):
    news: list[str] = []
    one = train(request(class_folder, tmp_path / "one", settings=PRETRAIN, seed=1), say=quiet)
    two = train(request(class_folder, tmp_path / "two", settings=PRETRAIN, seed=1, devices=2), say=news.append)
    same(one.path, two.path)
    assert (one.recipe, one.fingerprint) == (two.recipe, two.fingerprint)
    assert {file.name for file in one.path.iterdir()} == {file.name for file in two.path.iterdir()}
    assert len(list((two.path / "tensorboard").iterdir())) == len(list((one.path / "tensorboard").iterdir()))
    assert len([line for line in news if line.startswith("epoch ")]) == 3
    assert any("2 x the CPU" in line for line in news)
    assert json.loads((two.path / "recipe.json").read_text())["device"].startswith("2 x the CPU")


def test_two_processes_restore_as_one_with_steps_that_are_orthogonal(class_folder, tmp_path):
    one, two = (
        train(
            request(
                class_folder, tmp_path / str(devices), "restore-pyramid-colour", settings=("epochs=1",), devices=devices
            ),
            say=quiet,
        )
        for devices in (1, 2)
    )
    assert losses(one.path) == pytest.approx(losses(two.path), rel=1e-5)
    first, second = load_tensors(one.path), load_tensors(two.path)
    assert all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


def test_two_processes_classify_as_one_with_parts_held_and_images_mixed(class_folder, tmp_path):
    init = train(request(class_folder, tmp_path / "init"), say=quiet).path
    one, two = (
        train(
            request(class_folder, tmp_path / str(devices), "classify", init=init, settings=CLASSIFY, devices=devices),
            say=quiet,
        )
        for devices in (1, 2)
    )
    same(one.path, two.path)


def test_two_processes_learn_without_labels_as_one(class_folder, tmp_path):
    settings = (*STEADY, "epochs=2", "batch_size=10", "unlabelled=6", "average=0.9", "certainty=0.501")
    settings = (*settings, "augmentation.mix=cutmix", "augmentation.shift=2", "corruption_probability=0.5")
    one, two = (
        train(
            request(class_folder, tmp_path / str(devices), "classify", settings=settings, devices=devices),
            say=quiet,
        )
        for devices in (1, 2)
    )
    same(one.path, two.path)


def test_a_run_goes_on_with_more_and_with_fewer_processes(class_folder, tmp_path):
    settings = (*STEADY, "average=0.9", "schedule=cosine", "warmup=0.5", "batch_size=8")
    whole = train(request(class_folder / "train", tmp_path / "whole", settings=(*settings, "epochs=3")), say=quiet)
    parted = request(class_folder / "train", tmp_path / "parted", settings=(*settings, "epochs=3"), resume=True)

    def interrupt(line: str) -> None:
        if line.startswith(("epoch 1/3", "epoch 2/3")):
            os.kill(os.getpid(), signal.SIGINT)

    for devices in (1, 2):
        with pytest.raises(Interrupted, match=r"SIGINT at step \d+ .*all is saved.*--resume"):
            train(dataclasses.replace(parted, devices=devices), say=interrupt)
        assert not list(parted.out.glob("*.partial"))
    train(parted, say=quiet)
    same(whole.path, parted.out)


def test_an_error_in_one_process_ends_both_and_is_the_only_one(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("ground\nsquare\n")
    for number in range(8):
        side = 24 + number % 2  # of several sizes: they stream
        Image.fromarray(np.full((side, side, 3), number, np.uint8)).save(tmp_path / f"images/{number}.png")
        wrong = number == 3
        Image.fromarray(np.zeros((side + wrong, side), np.uint8)).save(tmp_path / f"labels/{number}.png")
    settings = ("validation=0", "keep=last", "batch_size=8", "epochs=2")
    given = request(tmp_path, tmp_path / "run", "segment", settings=settings, devices=2, workers=0)
    with pytest.raises(DataError, match=r"25 x 25 pixels but its label map .* 26 x 25"):
        train(given, say=quiet)


def test_what_is_wrong_before_the_start_is_told_once_and_writes_nothing(class_folder, tmp_path):
    wrong = request(class_folder, tmp_path / "run", settings=("batch_size=7",), devices=2)
    with pytest.raises(DataError, match="cannot be shared by 2"):
        train(wrong, say=quiet)
    settings = ("batch_size=8", "unlabelled=7", "average=0.9")
    beside = request(class_folder, tmp_path / "run", "classify", settings=settings, devices=2)
    with pytest.raises(DataError, match=r"unlabelled=7 a step: .*cannot be shared by 2"):
        train(beside, say=quiet)
    assert not wrong.out.exists()
    with pytest.raises(InputError, match=r"CUDA_VISIBLE_DEVICES|is not there"):
        train(dataclasses.replace(wrong, device="cuda:0"), say=quiet)
