"""Models to measure a server with: encoders of known cost with random weights, by our own export."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch

from export.fold import fold_encoder
from export.graph import EncoderGraph
from export.onnx import to_onnx
from export.repository import add_version
from serve.metadata import ModelMetadata
from symae.networks import Encoder, NetworkSpec, network1

__all__ = ["CROP", "LARGE", "SMALL", "TINY", "write_models"]

CROP = 32
SMALL, LARGE, TINY = "small-encoder", "large-encoder", "tiny-encoder"
SPECS: Mapping[str, NetworkSpec] = {
    SMALL: dataclasses.replace(network1(), width=0.095),  # 0.03 GFLOP an image of 32 x 32
    LARGE: dataclasses.replace(network1(), width=0.944),  # 2.9
    TINY: dataclasses.replace(network1((2, 2, 3, 3), 64), width=0.02),  # 0.0002: its calls are all overhead
}


def write_models(models: Path) -> Path:
    """Write those that are not there yet into a repository; returns it."""
    for name, spec in SPECS.items():
        if not (models / name).exists():
            _write(models, name.removesuffix("-encoder"), spec)
    return models


def gflop(name: str) -> float:
    """Cost of an image of 32 x 32, in GFLOP."""
    return SPECS[name].flops(CROP, CROP, decoder=False) / 1e9


def _write(models: Path, name: str, spec: NetworkSpec) -> None:
    torch.manual_seed(0)
    layer = len(spec.full)
    metadata = ModelMetadata(
        kind="encoder",
        channels=spec.channels,
        crop=CROP,
        resize=None,
        stride=spec.stride,
        receptive_field=spec.receptive_field(layer),
        halo=spec.receptive_field(layer) // 2,
        embedding_size=spec.layers[-1].channels,
        layer=layer,
        network=spec.to_dict(),
        recipe="random weights",
    )
    graph = EncoderGraph(fold_encoder(Encoder(spec).eval()), layer)
    add_version(models, name, "encoder", to_onnx(graph, metadata))
