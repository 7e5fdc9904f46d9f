"""The one Lightning module: what a training step is. Lightning's Trainer carries the loop around it.

Nothing here remembers anything between steps but weights, their average and the optimiser: the rate, what is
held and every random draw are functions of the epoch and the step, so a run that is continued repeats an
uninterrupted one to the bit. Where several processes share a batch, each takes its slice of the same draws and of
the mean over the whole, so that losses and weights do not depend on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from symae.corruption import Corrupted
from symae.data import Batch, Loader
from symae.errors import DivergenceError
from symae.networks import Classifier
from symae.optimizer import average_of, follow, make_optimizer
from symae.randomness import Share
from symae.recipes import Recipe
from symae.self_training import guess, self_training_losses
from symae.stages import counted_of, loss_of
from symae.together import told_once, total
from symae.views import Views, in_unit_range
from symae.weights import Model
from symae.world import World

__all__ = ["Epochs", "TrainingModule"]

CHECK_EVERY = 20  # steps between two looks at the losses; each look waits for the device


class Epochs:
    """The training batches as Lightning wants them: iterable, one epoch a time, able to start in the middle."""

    def __init__(self, loader: Loader, epoch: Callable[[], int]) -> None:
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
        unlabelled_share: the slice of the images without labels beside every batch; None: there are none.
        compiled: compile the forward pass and its loss; weights and checkpoints keep their names.
    """

    def __init__(
        self,
        model: Model,
        recipe: Recipe,
        seed: int,
        share: Share,
        world: World,
        *,
        unlabelled_share: Share | None = None,
        compiled: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.seed = seed
        self._share = share
        self._world = world
        self._average = average_of(model) if recipe.average else None
        classes = model.classes if isinstance(model, Classifier) else 0
        self._views = Views(recipe, seed, share, classes)
        self._unlabelled_share = unlabelled_share
        if unlabelled_share is not None:
            self._unlabelled_views = Views(recipe, seed, unlabelled_share, classes, "unlabelled ")
        self._loss = torch.compile(loss_of(recipe)) if compiled else loss_of(recipe)
        self._losses_of_both = torch.compile(self_training_losses) if compiled else self_training_losses
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

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Vary a batch, damage it and compute its loss; the mean over all processes is the whole batch's.

        With images without labels it also tells "certain", how many per cent of them the average was sure of.
        """
        self._apply_schedule(batch_idx)
        told = self._supervised(batch, batch_idx) if batch.unlabelled is None else self._semi(batch, batch_idx)
        self._watch(told["loss"])
        return told

    def _supervised(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        view = self._views.make(batch.images, batch.targets, self.current_epoch, batch_idx)
        loss = self._loss(self.model, view.clean, view.damaged, view.targets)
        return {"loss": loss if self._world.alone else loss * self._weight(view.damaged, view.targets)}

    def _semi(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Learn from both kinds of images: see `symae.self_training`."""
        assert batch.unlabelled is not None
        assert self._unlabelled_share is not None
        guesses = guess(self.kept, in_unit_range(batch.unlabelled), self.recipe.certainty)
        labelled = self._views.make(batch.images, batch.targets, self.current_epoch, batch_idx)
        unlabelled = self._unlabelled_views.make(batch.unlabelled, guesses, self.current_epoch, batch_idx)
        told, guessed = self._losses_of_both(self.model, labelled, unlabelled, self.recipe.label_smoothing)
        here, there = self._part(self._share), self._part(self._unlabelled_share)
        return {"loss": told * here + guessed * there, "certain": 100 * guesses.sum(1).mean() * there}

    def _weight(self, damaged: Corrupted, targets: Tensor | None) -> Tensor | float:
        """What this slice's mean weighs beside those of the other processes, whose weights have the mean 1."""
        if self._counted is None:
            return self._part(self._share)
        counted = self._counted(damaged, targets)
        return counted * self._world.size / total(counted).clamp(min=1)

    def _part(self, share: Share) -> float:
        """What a slice's mean weighs beside those of the other processes where all images count alike."""
        return share.count * self._world.size / share.whole

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
