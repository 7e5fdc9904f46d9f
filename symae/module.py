"""The one Lightning module: what a training step is. Lightning's Trainer carries the loop around it.

Nothing here remembers anything between steps but weights, their average and the optimiser: the rate, what is
held and every random draw are functions of the epoch and the step, so a run that is continued repeats an
uninterrupted one to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from symae.augmentation import Augmented, augment
from symae.corruption import Corrupted, corrupt
from symae.data import Batch, TrainingLoader
from symae.errors import DivergenceError
from symae.networks import Classifier
from symae.randomness import generator
from symae.recipes import Recipe
from symae.stages import loss_of
from symae.weights import Model

__all__ = ["Epochs", "TrainingModule"]

CHECK_EVERY = 20  # steps between two looks at the losses; each look waits for the device


class Epochs:
    """The training batches as Lightning wants them: iterable, one epoch a time, able to start in the middle."""

    def __init__(self, loader: TrainingLoader, epoch: Callable[[], int]) -> None:
        self._loader = loader
        self._epoch = epoch
        self._start = 0
        self._next = 0

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        start, self._start = self._start, 0
        for number, batch in enumerate(self._loader.batches(self._epoch(), start), start):
            self._next = number + 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Where the epoch stands: the number of the batch that comes next."""
        return {"next": self._next % len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Start the coming epoch where `state_dict` stood."""
        self._start = state["next"]


class TrainingModule(LightningModule):
    """A model, its recipe and its seed; one step of the optimiser on one batch."""

    def __init__(self, model: Model, recipe: Recipe, seed: int) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.seed = seed
        self._average: AveragedModel | None = None
        if recipe.average:
            self._average = AveragedModel(model, avg_fn=_moving_average(recipe.average), use_buffers=True)
        self._loss = loss_of(recipe)
        self._losses: list[tuple[int, Tensor]] = []

    @property
    def kept(self) -> Model:
        """The weights that count: their moving average where the recipe asks for one."""
        return self.model if self._average is None else self._average.module  # type: ignore[return-value]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Optimise all weights; those that are held get no gradient. Each group knows its factor on the rate."""
        taken = {parameter for part in self._pretrained() for parameter in part.parameters()}
        if self.recipe.taken_rate == 1:
            taken.clear()
        groups = [
            {"params": [p for p in self.model.parameters() if p not in taken], "factor": 1.0},
            {"params": [p for p in self.model.parameters() if p in taken], "factor": self.recipe.taken_rate},
        ]
        return make_optimizer(self.recipe, [group for group in groups if group["params"]])

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: Any, **__: Any) -> None:  # noqa: ARG002
        """Bound the gradient's norm where the recipe does."""
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, and let the average follow: here, so that a checkpoint after the step has both."""
        super().optimizer_step(*args, **kwargs)
        if self._average is not None:
            self._average.update_parameters(self.model)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Leave the batch alone: the loader has put it on the device."""
        return batch

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Vary a batch, damage it and compute its loss."""
        self._apply_schedule(batch_idx)
        varied = self._vary(batch, batch_idx)
        clean = varied.images.contiguous(memory_format=torch.channels_last)
        loss = self._loss(self.model, clean, self._damage(clean, batch_idx), varied.targets)
        self._watch(loss)
        return loss

    def _vary(self, batch: Batch, batch_idx: int) -> Augmented:
        images, augmentation = batch.images.float() / 255, self.recipe.augmentation
        if not augmentation.varies:
            return Augmented(images, batch.targets)
        classes = self.model.classes if isinstance(self.model, Classifier) else 0
        return augment(augmentation, images, batch.targets, self._generator("augmentation", batch_idx), classes)

    def _damage(self, clean: Tensor, batch_idx: int) -> Corrupted:
        recipe, draws = self.recipe, self._generator("corruption", batch_idx)
        if recipe.corruption_probability == 0:
            return Corrupted(clean)
        damaged = corrupt(recipe.corruption, clean, draws)
        if recipe.corruption_probability == 1:
            return damaged
        chosen = torch.rand(len(clean), generator=draws, device=clean.device) < recipe.corruption_probability
        masks = None if damaged.masks is None else damaged.masks & chosen[:, None, None]
        return Corrupted(torch.where(chosen[:, None, None, None], damaged.images, clean), masks)

    def _generator(self, purpose: str, batch_idx: int) -> torch.Generator:
        return generator(self.device, self.seed, purpose, self.current_epoch, batch_idx, self.global_rank)

    def _apply_schedule(self, batch_idx: int) -> None:
        """Set the rate, and hold or release the pre-trained parts, as the moment has it."""
        rate = self.recipe.rate(self.current_epoch + batch_idx / self.trainer.num_training_batches)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate * group["factor"]
        hold = self.current_epoch < self.recipe.hold_epochs
        for part in self._pretrained():
            part.train(not hold)
            part.requires_grad_(not hold)

    def _pretrained(self) -> list[nn.Module]:
        if self.recipe.initialise == "nothing":
            return []
        if isinstance(self.model, Classifier) or self.recipe.initialise == "encoder":
            return [self.model.encoder]
        return [self.model.encoder, self.model.decoder]

    def _watch(self, loss: Tensor) -> None:
        """Collect losses, and look at them now and then, because each look makes the device wait."""
        self._losses.append((self.global_step, loss.detach()))
        if len(self._losses) >= CHECK_EVERY or loss.device.type == "cpu":
            self.check_losses()

    def check_losses(self) -> None:
        """Stop at the first loss since the last look that is not a finite number.

        Raises:
            DivergenceError: with the step and what it may come from.
        """
        losses, self._losses = self._losses, []
        if not losses or bool(torch.isfinite(torch.stack([loss for _, loss in losses])).all()):
            return
        step, loss = next((step, loss) for step, loss in losses if not torch.isfinite(loss))
        broken = [name for name, weight in self.model.named_parameters() if not torch.isfinite(weight).all()]
        where = f"the weights of {broken[0]} are not finite" if broken else "all weights are still finite"
        raise DivergenceError(
            f"the loss is {loss.item()} at step {step} (epoch {self.current_epoch}) and {where}: "
            f"try a lower rate than --set learning_rate={self.recipe.rate(self.current_epoch):g}"
        )


def make_optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Build the recipe's optimiser for groups of parameters."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, weight_decay=decay, fused=True)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=rate, weight_decay=decay, fused=True)


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """The average's rule; the first steps weigh more, so that the drawn weights are soon forgotten."""

    def follow(average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        if not average.is_floating_point():  # BN's count of batches
            return current
        share = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return torch.lerp(current, average, share)

    return follow
