"""How far training is: a bar on a terminal, a line now and then elsewhere; with a rate and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from symae.data import Loader

__all__ = ["WAIT_SHARE", "Progress", "decoding_news"]

LINE_SECONDS = 30.0  # between two lines where there is no terminal
WAIT_SHARE = 0.05  # of the time; less is not worth telling
DECODING_SECONDS = 5.0  # between two lines while images are decoded


class Progress(Callback):
    """Report steps, images a second, time that was waited for data, and time left, over the whole run."""

    def __init__(self, loader: Loader, console: Console | None = None) -> None:
        self._loader = loader
        self._console = console or Console(stderr=True)
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._began = self._told = time.monotonic()
        self._first = self._size = 0
        self._waited = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Start the clock, and on a terminal the bar."""
        self._told = time.monotonic()
        self._start(trainer.global_step)
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
            self._bar = Bar(*columns, TimeRemainingColumn(), console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total(trainer), completed=trainer.global_step)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Move the bar, or write a line if it is time."""
        now, step = time.monotonic(), trainer.global_step
        if self._loader.images_a_step != self._size:  # a step takes another time than those before
            self._start(step)
            return
        rate = (step - self._first) / max(now - self._began, 1e-9)
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        images = f"{rate * self._loader.images_a_step:,.0f} images/s{self._wait(now)}"
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=f"{epoch}  {images}")
        elif now - self._told > LINE_SECONDS:
            self._told = now
            left = (self._total(trainer) - step) / max(rate, 1e-9)
            self._console.print(f"{epoch}  step {step}/{self._total(trainer)}  {images}  {_clock(left)} left")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Take the bar away."""
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Take the bar away before the message is written."""
        self._stop()

    def _start(self, step: int) -> None:
        """Reckon the rate from here on."""
        self._began, self._first, self._size = time.monotonic(), step, self._loader.images_a_step
        self._waited = self._loader.data_wait

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _wait(self, now: float) -> str:
        share = (self._loader.data_wait - self._waited) / max(now - self._began, 1e-9)
        return f", {share:.0%} waiting for data" if share > WAIT_SHARE else ""

    def _total(self, trainer: Trainer) -> int:
        return len(self._loader) * (trainer.max_epochs or 0)


def decoding_news(say: Callable[[str], None], began: float | None = None) -> Callable[[int, int], None]:
    """Make what tells, every few seconds, how far the decoding of images into memory is.

    Args:
        say: gets each line.
        began: on the monotonic clock; None: now.

    Returns:
        To be called with (images done, images in all).
    """
    began = told = time.monotonic() if began is None else began

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told > DECODING_SECONDS:
            told, rate = now, done / (now - began)
            say(f"decoded {done:,} of {total:,} images, {rate:,.0f} images/s, {_clock((total - done) / rate)} left")

    return tell


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
