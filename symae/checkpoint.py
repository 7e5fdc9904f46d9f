"""The state that a run is continued from, and what a signal does: save, then stop.

It must stand last among the callbacks, so that a checkpoint implies that everything before it was written. Of several
processes, all save at the same step, whichever of them got the signal; one of them writes.
"""

from __future__ import annotations

import signal
import time
from contextlib import nullcontext
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from serve.files import appears_whole
from symae.errors import Interrupted
from symae.module import TrainingModule
from symae.run import Run
from symae.together import Consensus, told_once
from symae.world import World

__all__ = ["Checkpoint"]

SAVE_SECONDS = 600.0  # between two checkpoints within an epoch
DUE = 1  # what all agree on where it is time to save; the number of a signal is greater


class Checkpoint(Callback):
    """Save the state after each epoch, every ten minutes, and when a signal comes; then stop."""

    def __init__(self, run: Run, world: World) -> None:
        self._path = run.checkpoint
        self._world = world
        self._consensus = Consensus()
        self._saved_at = time.monotonic()
        self._signal = 0
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Take over Ctrl-C and SIGTERM; a second Ctrl-C stops at once, without saving."""
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._handlers[number] = signal.signal(number, self._note)
            except ValueError:  # not in the main thread: signals are somebody else's
                return

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Save within an epoch where it is time; after the last batch, the end of the epoch does."""
        due = DUE if self._world.leads and time.monotonic() - self._saved_at > SAVE_SECONDS else 0
        wish = self._consensus.exchange(self._signal or due)
        if wish and not trainer.is_last_batch:
            self._save(trainer, pl_module, wish)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after each epoch."""
        self._save(trainer, pl_module, self._consensus.settle(self._signal))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Give the signals back."""
        self._release()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Give the signals back."""
        self._release()

    def _release(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _note(self, number: int, _: FrameType | None) -> None:
        if self._signal and number == signal.SIGINT:
            raise Interrupted("stopped at once; --resume goes on from the last checkpoint")
        self._signal = number

    def _save(self, trainer: Trainer, pl_module: LightningModule, wish: int) -> None:
        assert isinstance(pl_module, TrainingModule)
        pl_module.check_losses()
        with appears_whole(self._path) if self._world.leads else nullcontext(self._path) as file:
            trainer.save_checkpoint(file)  # of all processes; one writes
        self._consensus.settle(0)  # what is written stands before anybody ends
        self._saved_at = time.monotonic()
        if wish > DUE:
            stopped = Interrupted(
                f"{signal.Signals(wish).name} at step {trainer.global_step} (epoch {trainer.current_epoch + 1}); "
                "all is saved: the same command with --resume goes on"
            )
            raise told_once(self._world, stopped)
