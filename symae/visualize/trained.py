"""The runs that a figure is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from symae.run import Run, open_run
from symae.weights import Model, ModelCard, load

__all__ = ["Trained", "open_trained"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A run and its model, in evaluation mode on the device that computes."""

    run: Run
    model: Model
    card: ModelCard
    device: torch.device

    @property
    def name(self) -> str:
        """What a figure calls it: the name of its directory."""
        return self.run.path.resolve().name

    @property
    def origin(self) -> str:
        """What it was made by, for the figure's footer."""
        network, recipe = self.card.network, self.run.recipe
        width = "" if network.width == 1 else f" at {network.width:g} of its width"
        commit = f", commit {self.card.commit}" if self.card.commit else ""
        data = f"data {self.card.data}, seed {self.run.seed}"
        return f"Run {self.name}: {recipe.name}, {network.name}{width}, {data}{commit}"


def open_trained(path: Path, device: torch.device) -> Trained:
    """Load a run's model.

    Raises:
        RunError: it is no run directory, or has no weights.
    """
    run = open_run(path)
    model, card = load(path)
    return Trained(run, model.to(device), card, device)
