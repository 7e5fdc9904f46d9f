"""Measure on held-out images at the end of an epoch, and keep the weights that are worth keeping."""

from __future__ import annotations

import math
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from symae import preview
from symae.data import Dataset
from symae.evaluate import evaluate, main_metric
from symae.module import TrainingModule
from symae.run import Run
from symae.weights import ModelCard, save

__all__ = ["Validation"]


class Validation(Callback):
    """Measure on held-out images, keep the weights of the last or the best epoch, draw the preview."""

    def __init__(self, run: Run, card: ModelCard, held_out: Dataset) -> None:
        self._run = run
        self._card = card
        self._held_out = held_out
        self._best = -math.inf
        self.latest: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best value up again."""
        self._best = state_dict["best"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate every `validate_every` epochs and after the last."""
        assert isinstance(pl_module, TrainingModule)
        pl_module.check_losses()
        recipe, done = self._run.recipe, trainer.current_epoch + 1
        self.latest = {}
        if done % recipe.validate_every and done != recipe.epochs:
            return
        device = pl_module.device
        self.latest = evaluate(pl_module.model, recipe, self._held_out, device=device)
        value = self.latest[main_metric(recipe)]
        if trainer.is_global_zero and (recipe.keep == "last" or value > self._best):
            self._best = max(value, self._best)
            save(pl_module.model, self._card.measured(self.latest), self._run.weights)
            preview.write(pl_module.model, recipe, self._held_out, self._run.preview, device=device)
