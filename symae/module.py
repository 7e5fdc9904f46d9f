"""The one Lightning module: what a training step is. Lightning's Trainer carries the loop around it.

Nothing here remembers anything between steps but weights and optimiser: the rate, what is held and every
random draw are functions of the epoch and the step, so a run that is continued repeats an uninterrupted
one to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

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
    """A model, its recipe and its seed; one step of Adam on one batch."""

    def __init__(self, model: Model, recipe: Recipe, seed: int) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.seed = seed
        self._loss = loss_of(recipe)
        self._losses: list[tuple[int, Tensor]] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam on all weights; those that are held get no gradient."""
        return torch.optim.Adam(self.model.parameters(), lr=self.recipe.learning_rate, fused=True)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Leave the batch alone: the loader has put it on the device."""
        return batch

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Damage a batch and compute its loss."""
        self._apply_schedule(self.current_epoch)
        clean = (batch.images.float() / 255).contiguous(memory_format=torch.channels_last)
        loss = self._loss(self.model, clean, self._damage(clean, batch_idx), batch.targets)
        self._watch(loss)
        return loss

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

    def _apply_schedule(self, epoch: int) -> None:
        """Set the rate, and hold or release the pre-trained parts, as the epoch has it."""
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = self.recipe.rate(epoch)
        hold = epoch < self.recipe.hold_epochs
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
