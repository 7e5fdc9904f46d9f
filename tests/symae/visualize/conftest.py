import dataclasses

import pytest

from symae.recipes import find
from symae.request import Request
from symae.train import train


def _run(name, data, out, **changes):
    recipe = dataclasses.replace(find(name).smoke(), validation=0.2, epochs=1, resize=None, crop=21, **changes)
    return train(Request(recipe, data=str(data), out=out, device="cpu"), say=lambda _: None)


@pytest.fixture(scope="session")
def pretrained(class_folder, tmp_path_factory):
    """A colour auto-encoder of network 1, with noise and blocks, on images of 40 x 36."""
    return _run("pretrain", class_folder, tmp_path_factory.mktemp("runs") / "pretrained")


@pytest.fixture(scope="session")
def gray(class_folder, tmp_path_factory):
    """The same for gray images."""
    network = dataclasses.replace(find("pretrain").smoke().network, channels=1)
    return _run("pretrain", class_folder, tmp_path_factory.mktemp("runs") / "gray", network=network)


@pytest.fixture(scope="session")
def classifier(class_folder, tmp_path_factory):
    """A classifier of two classes."""
    return _run("classify", class_folder, tmp_path_factory.mktemp("runs") / "classifier", initialise="nothing")


@pytest.fixture(scope="session")
def segmenter(map_folder, tmp_path_factory):
    """A segmenter of two classes."""
    return _run("segment", map_folder, tmp_path_factory.mktemp("runs") / "segmenter", initialise="nothing")
