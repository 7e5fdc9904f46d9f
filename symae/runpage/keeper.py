"""Keeps a run's page while it trains: strips of pictures, sessions, report.html. Of several processes, the first does.

Nothing here may change what is trained or stop it: no generator of the training is drawn from, and what fails is
told in one line and left out. Only the signal that ends the training passes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from symae.data import Batch, Dataset, evaluation_batches
from symae.data.dataset import spread
from symae.errors import Interrupted
from symae.module import TrainingModule
from symae.preview import look
from symae.recipes import Recipe
from symae.run import Run, commit, versions
from symae.runpage.page import write_page
from symae.runpage.sessions import Outcome, Session, cpu_name, read_sessions, write_sessions
from symae.runpage.strip import AREA, PICTURES, Origin, add, drop_after, kept_epochs

__all__ = ["Keeper", "Observed"]

FIRST_SECONDS = 10.0  # until a run has a page; a shorter one gets it at its end
EVERY_SECONDS = 60.0  # between two pages
MOST_SHARE = 0.005  # of the time that pages may take: a slow one is written more rarely


@dataclass(frozen=True, eq=False)
class Observed:
    """What a page is to know of a training beside its files.

    Attributes:
        training: the images that are trained on.
        held_out: those that it is measured on; None: there are none.
        unlabelled: those that are learnt from without labels; None: there are none.
        device: its name.
        processes: that train together.
        options: of the command line that say how to compute.
    """

    training: Dataset
    held_out: Dataset | None
    unlabelled: Dataset | None
    device: str
    processes: int
    options: tuple[str, ...]


class Keeper(Callback):
    """Looks at a few fixed pictures after some epochs, and writes the page now and then and at the end."""

    def __init__(
        self, run: Run, observed: Observed, say: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._run = run
        self._observed = observed
        self._say = say
        self._clock = clock
        self._told: set[str] = set()
        self._pictures: Batch | None = None
        self._earlier: tuple[Session, ...] = ()
        self._session: Session | None = None
        self._due = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Begin a session, and forget the pictures of epochs that will be run again."""
        if not trainer.is_global_zero:
            return
        self._due = self._clock() + FIRST_SECONDS
        self._guarded("sessions.json", lambda: self._begin(trainer.current_epoch))
        self._guarded("previews", lambda: drop_after(self._run.path, trainer.current_epoch))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the pictures if it is their turn, and write the page if it is time."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, TrainingModule)
        done, recipe = trainer.current_epoch + 1, self._run.recipe
        if done in kept_epochs(recipe.epochs):
            self._guarded("previews", lambda: self._look(pl_module, done))
        if self._clock() >= self._due and done < recipe.epochs:
            self._note("training", done)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Say that it is done."""
        if trainer.is_global_zero:
            self._note("finished", trainer.current_epoch)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Say why it ended."""
        if trainer.is_global_zero:
            stopped = isinstance(exception, Interrupted | KeyboardInterrupt)
            words = (str(exception).splitlines() or [""])[0]
            named = words if getattr(exception, "exit_code", None) else f"{type(exception).__name__}: {words}"
            self._note("interrupted" if stopped else "failed", trainer.current_epoch, named)

    def _begin(self, epoch: int) -> None:
        self._earlier = read_sessions(self._run.path)
        known, now = self._observed, self._clock()
        self._session = Session(
            began=now,
            seen=now,
            first=epoch,
            epochs=epoch,
            outcome="training",
            device=known.device,
            processes=known.processes,
            cpu=cpu_name(),
            threads=torch.get_num_threads(),
            commit=commit(),
            versions=versions(),
            options=known.options,
            images=len(known.training),
            held_out=0 if known.held_out is None else len(known.held_out),
            unlabelled=0 if known.unlabelled is None else len(known.unlabelled),
        )
        write_sessions(self._run.path, (*self._earlier, self._session))

    def _look(self, module: TrainingModule, epoch: int) -> None:
        known, recipe = self._observed, self._run.recipe
        dataset = known.held_out or known.training
        if self._pictures is None:
            self._pictures = _read(dataset, recipe, module.device)
        classes = tuple(zip(dataset.classes, dataset.colours, strict=True)) if recipe.stage == "segment" else ()
        origin = Origin(known.held_out is not None, classes)
        add(self._run.path, look(module.kept, recipe, dataset, self._pictures), epoch, origin)

    def _note(self, outcome: Outcome, epoch: int, message: str = "") -> None:
        if self._session is None:  # it ended before it began
            return
        session = dataclasses.replace(self._session, seen=self._clock(), epochs=epoch, outcome=outcome, message=message)
        self._session = session
        self._guarded("sessions.json", lambda: write_sessions(self._run.path, (*self._earlier, session)))
        self._guarded("report.html", self._write_page)

    def _write_page(self) -> None:
        began = time.perf_counter()
        try:
            write_page(self._run.path)
        finally:
            self._due = self._clock() + max(EVERY_SECONDS, (time.perf_counter() - began) / MOST_SHARE)

    def _guarded(self, what: str, work: Callable[[], None]) -> None:
        """Do what a training can do without; the same failure is told once."""
        try:
            work()
        except Interrupted:
            raise
        except Exception as error:
            told = f"{what} was not written, training is not affected: {type(error).__name__}: {error}"
            if told not in self._told:
                self._told.add(told)
                self._say(told)


def _read(dataset: Dataset, recipe: Recipe, device: torch.device) -> Batch:
    """Read the middle of a few pictures, evenly spread over a data set; the same ones each time.

    As large as the crops; of pictures that are measured whole, as much as a strip has room for.
    """
    some, crop = spread(dataset, PICTURES), recipe.crop
    if recipe.test_crops == "whole":
        sizes = evaluation_batches(some, batch_size=1, crop=None, resize=recipe.resize, device=torch.device("cpu"))
        shortest = min(min(batch.images.shape[-2:]) for batch in sizes)
        crop = max(crop, min(shortest, int((AREA / len(some)) ** 0.5)))
    return next(evaluation_batches(some, batch_size=PICTURES, crop=crop, resize=recipe.resize, device=device))
