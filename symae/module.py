"""The one Lightning module: what a training step is. Lightning's Trainer carries the loop around it.

Nothing here remembers anything between steps but weights, their average and the optimiser: the rate, what is
held and every random draw are functions of the epoch and the step, so a run that is continued repeats an
uninterrupted one to the bit. Where several processes share a batch, each takes its slice of the same draws and of
the mean over the whole, so that losses and weights do not depend on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from symae.augmentation import Augmented, augment
from symae.corruption import Corrupted, corrupt
from symae.data import Batch, TrainingLoader
from symae.errors import DivergenceError
from symae.networks import Classifier
from symae.optimizer import average_of, follow, make_optimizer
from symae.randomness import Share, generator
from symae.recipes import Recipe
from symae.stages import counted_of, loss_of
from symae.together import told_once, total, whole_batch
from symae.weights import Model
from symae.world import World

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
    """A model, its recipe and its seed; one step of the optimiser on one batch.

    Args:
        model: what is trained.
        recipe: how.
        seed: of the run.
        share: the slice of every batch that this process gets.
        world: the processes that get the others.
        compiled: compile the forward pass and its loss; weights and checkpoints keep their names.
    """

    def __init__(
        self, model: Model, recipe: Recipe, seed: int, share: Share, world: World, *, compiled: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.seed = seed
        self._share = share
        self._world = world
        self._average = average_of(model) if recipe.average else None
        self._loss = torch.compile(loss_of(recipe)) if compiled else loss_of(recipe)
        self._counted = counted_of(recipe)
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
        return make_optimizer(self.recipe, self.model, [group for group in groups if group["params"]])

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: Any, **__: Any) -> None:  # noqa: ARG002
        """Bound the gradient's norm where the recipe does."""
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, and let the average follow: here, so that a checkpoint after the step has both."""
        super().optimizer_step(*args, **kwargs)
        if self._average is not None:
            follow(self._average, self.model, self.global_step, self.recipe.average)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Leave the batch alone: the loader has put it on the device."""
        return batch

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Vary a batch, damage it and compute its loss; the mean over all processes is the whole batch's."""
        self._apply_schedule(batch_idx)
        varied = self._vary(batch, batch_idx)
        clean = varied.images.contiguous(memory_format=torch.channels_last)
        damaged = self._damage(clean, batch_idx)
        loss = self._loss(self.model, clean, damaged, varied.targets)
        if not self._world.alone:
            loss = loss * self._weight(damaged, varied.targets)
        self._watch(loss)
        return loss

    def _weight(self, damaged: Corrupted, targets: Tensor | None) -> Tensor | float:
        """What this slice's mean weighs beside those of the other processes, whose weights have the mean 1."""
        if self._counted is None:
            return self._share.count * self._world.size / self._share.whole
        counted = self._counted(damaged, targets)
        return counted * self._world.size / total(counted).clamp(min=1)

    def _vary(self, batch: Batch, batch_idx: int) -> Augmented:
        images, augmentation = batch.images.float() / 255, self.recipe.augmentation
        if not augmentation.varies:
            return Augmented(images, batch.targets)
        classes = self.model.classes if isinstance(self.model, Classifier) else 0
        draws, gather = self._generator("augmentation", batch_idx), partial(whole_batch, share=self._share)
        return augment(augmentation, images, batch.targets, draws, classes, self._share, gather)

    def _damage(self, clean: Tensor, batch_idx: int) -> Corrupted:
        recipe, draws = self.recipe, self._generator("corruption", batch_idx)
        if recipe.corruption_probability == 0:
            return Corrupted(clean)
        damaged = corrupt(recipe.corruption, clean, draws, self._share)
        if recipe.corruption_probability == 1:
            return damaged
        rolls = torch.rand(self._share.whole, generator=draws, device=clean.device)
        chosen = self._share.take(rolls) < recipe.corruption_probability
        masks = None if damaged.masks is None else damaged.masks & chosen[:, None, None]
        return Corrupted(torch.where(chosen[:, None, None, None], damaged.images, clean), masks)

    def _generator(self, purpose: str, batch_idx: int) -> torch.Generator:
        return generator(self.device, self.seed, purpose, self.current_epoch, batch_idx, 0)  # of all processes

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
        if len(self._losses) >= CHECK_EVERY or (loss.device.type == "cpu" and self._world.alone):
            self.check_losses()

    def check_losses(self) -> None:
        """Stop at the first loss since the last look that is not a finite number.

        Raises:
            DivergenceError: with the step and what it may come from.
        """
        (steps, losses), self._losses = zip(*self._losses, strict=True) if self._losses else ((), ()), []
        means = total(torch.stack(losses)) / self._world.size if losses else torch.zeros(())
        if bool(torch.isfinite(means).all()):
            return
        step, loss = next((step, loss) for step, loss in zip(steps, means, strict=True) if not torch.isfinite(loss))
        broken = [name for name, weight in self.model.named_parameters() if not torch.isfinite(weight).all()]
        where = f"the weights of {broken[0]} are not finite" if broken else "all weights are still finite"
        error = DivergenceError(
            f"the loss is {loss.item()} at step {step} (epoch {self.current_epoch}) and {where}: "
            f"try a lower rate than --set learning_rate={self.recipe.rate(self.current_epoch):g}"
        )
        raise told_once(self._world, error)
