"""Tiny runs that all tests of their pages share; who changes one copies it."""

import dataclasses

import pytest

from symae.recipes import find
from symae.request import Request
from symae.train import train


def request_of(name, data, out, **changes):
    recipe = dataclasses.replace(find(name).smoke(), validation=0.25, resize=None, crop=21)
    return Request(recipe, data=str(data), out=out, device="cpu", **changes)


@pytest.fixture(scope="session")
def request_for():
    """A function (recipe's name, data, out, **changes) -> Request of a tiny training."""
    return request_of


@pytest.fixture(scope="session")
def runs(class_folder, map_folder, tmp_path_factory):
    """name -> directory: two pre-trainings that differ in their seed, a classifier and a segmenter from the first."""
    root = tmp_path_factory.mktemp("runs")

    def run(out, name, data, **changes):
        return train(request_of(name, data, root / out, **changes), say=lambda _: None).path

    settings = ("epochs=3",)
    found = {"first": run("first", "pretrain", class_folder, settings=settings)}
    found["second"] = run("second", "pretrain", class_folder, settings=settings, seed=1)
    found["classify"] = run("classify", "classify", class_folder, init=found["first"])
    found["segment"] = run("segment", "segment", map_folder, init=found["first"])
    return found
