"""Weights and what they mean, in one safetensors file: no pickle, nothing executed on loading.

The file's metadata carries a `ModelCard`, from which the network is built again. It is what
`--init`, `symae export` and `symae.load` read.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import nn

from serve.files import appears_whole
from symae.errors import RecipeError, RunError
from symae.networks import Classifier, NetworkSpec, Segmenter, SymmetricAutoencoder

__all__ = ["WEIGHTS", "Model", "ModelCard", "Stage", "build", "load", "load_card", "load_tensors", "save"]

Stage = Literal["pretrain", "classify", "segment"]
Model = SymmetricAutoencoder | Classifier | Segmenter

WEIGHTS = "model.safetensors"  # its name in a run directory
KEY = "symae"


@dataclass(frozen=True)
class ModelCard:
    """What a file of weights holds and where it comes from.

    Attributes:
        stage: "pretrain" holds an auto-encoder, "classify" a classifier, "segment" a segmenter.
        network: its specification.
        crop: side in pixels of the square crops that it was trained on.
        resize: shorter side in pixels that images were brought to before the crop; None: left as they are.
        classes: names of the K classes, in the order of the outputs; empty for an auto-encoder.
        colours: one (red, green, blue) in 0..255 for each class of a segmenter; else empty.
        multi_label: the classes of a classifier are independent of each other.
        recipe, commit, data, seed: what made it.
        quality: what was measured on held-out data, by name, e.g. {"psnr": 28.1}.
    """

    stage: Stage
    network: NetworkSpec
    crop: int
    resize: int | None = None
    classes: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    multi_label: bool = False
    recipe: str = ""
    commit: str = ""
    data: str = ""
    seed: int = 0
    quality: Mapping[str, float] = field(default_factory=dict)

    def measured(self, quality: Mapping[str, float]) -> ModelCard:
        """The card of the same model with what was measured on it."""
        return dataclasses.replace(self, quality=dict(quality))

    def to_json(self) -> str:
        """Write the card on one line; `from_json` reads it."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return json.dumps({**plain, "network": self.network.to_dict(), "quality": dict(self.quality)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError, RecipeError: the card is damaged or of another version.
        """
        values = json.loads(text)
        values["network"] = NetworkSpec.from_dict(values["network"])
        values["classes"] = tuple(values["classes"])
        values["colours"] = tuple(tuple(colour) for colour in values["colours"])
        return cls(**values)


def build(card: ModelCard) -> Model:
    """Build the network of a card, with freshly drawn weights."""
    if card.stage == "pretrain":
        return SymmetricAutoencoder(card.network)
    head = Classifier if card.stage == "classify" else Segmenter
    return head(card.network, len(card.classes))


def save(model: nn.Module, card: ModelCard, path: Path) -> None:
    """Write weights and card; the file appears whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    data = serialise(tensors, metadata={KEY: card.to_json()})
    with appears_whole(path) as file:
        file.write_bytes(data)  # Python's own writing, whose errors are OSErrors


def load(path: str | os.PathLike[str]) -> tuple[Model, ModelCard]:
    """Load a model, in evaluation mode on the CPU, from a run directory or a safetensors file.

    Raises:
        RunError: there are no weights there, or they are damaged.
    """
    file = _weights_file(Path(path))
    card = load_card(file)
    model = build(card)
    try:
        model.load_state_dict(load_tensors(file))
    except RuntimeError as error:
        raise RunError(f"{file} does not hold the network that its card names: {str(error).splitlines()[0]}") from error
    model.card = card
    return model.eval(), card


def load_card(path: str | os.PathLike[str]) -> ModelCard:
    """Read the card alone, without the weights; see `load`."""
    file = _weights_file(Path(path))
    try:
        with safe_open(file, framework="pt") as tensors:
            return ModelCard.from_json(tensors.metadata()[KEY])
    except (SafetensorError, KeyError, TypeError, ValueError, RecipeError) as error:
        raise RunError(f"{file} is no file of symae weights, or is damaged: {error}") from error


def load_tensors(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Read the tensors of a run directory or a safetensors file, by name, on the CPU; errors as of `load`."""
    file = _weights_file(Path(path))
    try:
        with safe_open(file, framework="pt") as tensors:
            return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise RunError(f"{file} is no file of symae weights, or is damaged: {error}") from error


def _weights_file(path: Path) -> Path:
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        if (path / "recipe.json").is_file():
            raise RunError(f"{path} is a run without weights yet: let it end an epoch, or go on with --resume")
        reason = "has no weights" if path.is_dir() else "does not exist"
        raise RunError(f"{path} {reason}: give a run directory written by `symae train`, or its {WEIGHTS}")
    return file
