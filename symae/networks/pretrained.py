"""Weights in and out of a network by one call, as libraries of models have it; the file is that of `symae.weights`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from torch import nn

from symae.errors import RunError

if TYPE_CHECKING:
    from symae.weights import ModelCard

__all__ = ["Pretrained"]


class Pretrained(nn.Module):
    """A network that can be loaded from a run and saved as safetensors.

    Attributes:
        card: what is known of its weights; None for a network that was built by hand.
    """

    card: ModelCard | None = None

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str]) -> Self:
        """Load a network of this class, in evaluation mode on the CPU.

        Args:
            path: a run directory, or a file or folder that `save_pretrained` wrote.

        Raises:
            RunError: there are no weights there, or they are damaged, or of another class.
        """
        from symae.weights import load  # which builds networks, and so imports them

        model, _ = load(Path(path))
        if not isinstance(model, cls):
            found = type(model).__name__
            raise RunError(f"{path} holds a {found}, not a {cls.__name__}: use {found}.from_pretrained or symae.load")
        return model

    def save_pretrained(self, path: str | os.PathLike[str], card: ModelCard | None = None) -> Path:
        """Write weights and card as safetensors, for `from_pretrained`, `symae.load`, `--init` and `symae export`.

        Args:
            path: a file that ends in .safetensors, or a folder to write model.safetensors into; made if need be.
            card: what to say of the weights; None: what was known when they were loaded, without the qualities
                that were measured then, since training may have changed them.

        Returns:
            The file, which appears whole or not at all.

        Raises:
            RunError: nothing is known of the weights, the card is of another network, or the folder is a run's,
                whose weights are its own.
        """
        from symae.run import is_run
        from symae.weights import WEIGHTS, build, save

        told = card or (self.card.measured({}) if self.card else None)
        if told is None:
            raise RunError(
                "a network that was built by hand has no card: give one, e.g. "
                'card=symae.ModelCard("pretrain", model.spec, crop=29); "classify" and "segment" take classes=(...)'
            )
        if _shapes(build(told)) != _shapes(self):
            raise RunError(f"the card describes another network than this {type(self).__name__}: mend the card")
        target = Path(path)
        file = target if target.suffix == ".safetensors" else target / WEIGHTS
        if is_run(file.parent):
            raise RunError(f"{file.parent} is a run, whose recipe.json tells of other weights: choose another folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        save(self, told, file)
        return file


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
