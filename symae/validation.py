"""Measure on held-out images at the end of an epoch, and keep the weights that are worth keeping."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from symae import preview
from symae.class_scores import write_scores
from symae.data import Dataset
from symae.data.dataset import spread
from symae.evaluate import measure
from symae.module import TrainingModule
from symae.run import Run
from symae.weights import ModelCard, save

__all__ = ["Validation"]

SEEN_IMAGES = 1000  # training images that are measured where none are held out


class Validation(Callback):
    """Measure on held-out images, keep the weights of the last or the best epoch, draw the preview.

    Without held-out images it measures on some of the training images, and says so in the names of the metrics.
    """

    def __init__(self, run: Run, card: ModelCard, held_out: Dataset | None, training: Dataset) -> None:
        self._run = run
        self._card = card
        self._images = held_out or spread(training, SEEN_IMAGES)
        self._prefix = "" if held_out else "training_"
        self._best = -math.inf
        self.latest: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best value up again."""
        self._best = state_dict["best"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate every `validate_every` epochs and after the last; one process does, the others wait for it."""
        assert isinstance(pl_module, TrainingModule)
        pl_module.check_losses()
        recipe, done = self._run.recipe, trainer.current_epoch + 1
        self.latest = {}
        if not trainer.is_global_zero or (done % recipe.validate_every and done != recipe.epochs):
            return
        model, device = pl_module.kept, pl_module.device
        measured = measure(model, recipe, self._images, device=device)
        self.latest = {self._prefix + name: value for name, value in measured.values.items()}
        value = measured.values[recipe.main_metric]
        first = not self._run.weights.exists()
        if recipe.keep == "last" or value > self._best or first:
            self._best = max(self._best, value)  # a value that is no number leaves it as it is
            save(model, self._card.measured(self.latest), self._run.weights)
            preview.write(model, recipe, self._images, self._run.preview, device=device)
            if measured.classes is not None:
                write_scores(dataclasses.replace(measured.classes, epoch=done), self._run.path)
