import dataclasses
import functools
import itertools
from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from export.run import export_model
from serve.metadata import Kind
from symae.networks import Layer, NetworkSpec, network1, network2, network3, pyramid, rednet
from symae.weights import Model, ModelCard, build

NARROW = {
    "small": NetworkSpec("small", (Layer(6), Layer(6), Layer(8, stride=2), Layer(8))),
    "network1": dataclasses.replace(network1((2, 2, 2, 0)), width=1 / 16),
    "network2": dataclasses.replace(network2(), width=1 / 12),
    "network3": dataclasses.replace(network3(), width=1 / 16),
    "rednet": dataclasses.replace(rednet(10), width=1 / 8),
    "no-norm": NetworkSpec("no-norm", (Layer(6), Layer(6), Layer(8, stride=2), Layer(8)), norm="none"),
    "residual": NetworkSpec(  # blocks that change channels, size, and nothing
        "residual", (Layer(4), Layer(6), Layer(6), Layer(8, stride=2), *[Layer(8)] * 3), residual=True
    ),
    "pyramid": pyramid((4, 6, 8)),
    "pyramid-2": pyramid((4, 6), stride=2),
}


@pytest.fixture(params=NARROW)
def spec(request: pytest.FixtureRequest) -> NetworkSpec:
    return NARROW[request.param]


@pytest.fixture(scope="session")
def narrow() -> dict[str, NetworkSpec]:
    return NARROW


@pytest.fixture(scope="session")
def trained() -> Callable[..., tuple[Model, ModelCard]]:
    """A network as if it had been trained: every statistic and weight is far from its initial value."""

    def make(spec: NetworkSpec, stage: str = "pretrain", **card) -> tuple[Model, ModelCard]:
        classes = () if stage == "pretrain" else ("sky", "cow", "sea")
        colours = ((0, 0, 0), (9, 8, 7), (1, 2, 3)) if stage == "segment" else ()
        whole = ModelCard(stage, spec, 29, classes=classes, colours=colours, **card)
        return randomise(build(whole)), whole

    return make


@pytest.fixture(scope="session")
def exported(trained) -> Callable[[str, str], tuple[Model, dict[Kind, onnx.ModelProto]]]:
    """A trained network and its graphs; a translation takes seconds, so each is made once."""

    @functools.cache
    def make(name: str, stage: str) -> tuple[Model, dict[Kind, onnx.ModelProto]]:
        multi_label = stage == "classify" and name == "network3"
        card = {"recipe": "recipe", "quality": {"psnr": 28.5}, "resize": 32, "multi_label": multi_label}
        model, whole = trained(NARROW[name], stage, **card)
        return model, dict(itertools.islice(export_model(model, whole), 2 if name in ("small", "residual") else 1))

    return make


def randomise(model: Model, seed: int = 0) -> Model:
    generator = torch.Generator().manual_seed(seed)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.weight.data.uniform_(0.5, 1.5, generator=generator)
            part.weight.data[::3] *= -1
            part.bias.data.normal_(generator=generator)
            part.running_mean.normal_(std=0.5, generator=generator)
            part.running_var.uniform_(0.2, 2.0, generator=generator)
        elif isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            part.weight.data.normal_(std=part.weight[0].numel() ** -0.5, generator=generator)
            if part.bias is not None:
                part.bias.data.normal_(std=0.2, generator=generator)
    model.encoder.mean.copy_(torch.linspace(0.3, 0.6, model.spec.channels).reshape(-1, 1, 1))
    model.encoder.std.copy_(torch.linspace(0.2, 0.3, model.spec.channels).reshape(-1, 1, 1))
    return model.eval()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (2, 13, 18, 3), np.uint8)
