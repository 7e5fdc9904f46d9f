"""Do the tasks of a plan, several at a time, within a budget of seconds; what is not done goes on next time."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from benchmarks.gpu.options import Options, State
from benchmarks.gpu.plan import Task
from benchmarks.gpu.worker import STOPPED, work

__all__ = ["Limits", "Session", "startable"]

LOOK = 0.1  # seconds between two looks at the clock
PRELOAD = ["benchmarks.gpu.nursery"]
REPEAT = 2.0  # seconds between two requests to stop; one that comes before a process is ready is lost
SAVING = 10.0  # seconds, at least, for a training to save its state


@dataclass(frozen=True)
class Limits:
    """What one sitting may take.

    Attributes:
        budget: seconds until it ends; None: as long as it takes.
        reserve: seconds of the budget that are kept for trainings to save their state, and for what comes after.
        parallel: tasks at a time.
    """

    budget: float | None = None
    reserve: float = 20.0
    parallel: int = 1


@dataclass
class _Running:
    process: Any
    began: float


class Session:
    """One sitting.

    Args:
        plan: the tasks, each after those that it needs.
        options: what they share.
        limits: of the sitting.
        say: gets each line of news.
        clock: seconds, from any origin.

    Attributes:
        failed: the tasks that ended in an error, with their last words; the next sitting tries them again.
    """

    def __init__(
        self,
        plan: Sequence[Task],
        options: Options,
        limits: Limits,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failed: dict[str, str] = {}
        self._plan, self._options, self._limits, self._say, self._clock = plan, options, limits, say, clock
        self._state = State(options.state)
        self._running: dict[str, _Running] = {}
        self._stopping = False
        self._stopped: set[str] = set()  # before their end: they wait for the next sitting
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)

    def run(self, finished: Callable[[], None]) -> None:
        """Do what can be done until the budget is nearly spent, or a signal comes; a second Ctrl-C stops at once.

        Args:
            finished: called whenever a task is done.
        """
        began = self._clock()
        until = None if self._limits.budget is None else began + self._limits.budget - self._limits.reserve
        with _noticed() as signals:
            while not signals and (until is None or self._clock() < until):
                self._start()
                if not self._running:
                    return
                wait([running.process.sentinel for running in self._running.values()], LOOK)
                if self._collect():
                    finished()
            self._stop()

    def _start(self) -> None:
        done = {task.name for task in self._plan if self._state.done(task.name)}
        skipped = {*self._stopped, *self.failed}
        for task in startable(self._plan, done, self._running.keys(), skipped, self._limits.parallel):
            process = self._context.Process(target=work, args=(task, self._options))
            process.start()
            self._running[task.name] = _Running(process, time.monotonic())
            self._say(f"{task.name}: {'goes on' if self._state.spent(task.name) else 'begins'}")

    def _collect(self) -> bool:
        """Take note of the processes that have ended; whether one had done its task."""
        ended = [name for name, running in self._running.items() if not running.process.is_alive()]
        for name in ended:
            running = self._running.pop(name)
            running.process.join()
            self._state.spend(name, time.monotonic() - running.began)
            self._judge(name, running.process.exitcode)
        return any(self._state.done(name) for name in ended)

    def _judge(self, name: str, code: int) -> None:
        told = f"after {self._state.spent(name):.0f} s"
        if self._state.done(name):
            self._say(f"{name}: done {told}")
        elif self._stopping or code in (STOPPED, -signal.SIGTERM):
            self._stopped.add(name)
            self._say(f"{name}: stopped {told}")
        else:
            self.failed[name] = _last_line(self._state, name)
            self._say(f"{name}: failed {told}: {self.failed[name]} (all of it: {self._state.log(name)})")

    def _stop(self) -> None:
        """Have all trainings save their state; what does not end in time is ended, and goes on from before."""
        self._stopping = True
        deadline = time.monotonic() + max(self._limits.reserve, SAVING)
        while self._running and time.monotonic() < deadline:
            for running in self._running.values():
                running.process.terminate()
            wait([running.process.sentinel for running in self._running.values()], REPEAT)
            self._collect()
        for running in self._running.values():
            running.process.kill()
            running.process.join()
        self._collect()


def startable(
    plan: Sequence[Task], done: Set[str], running: Set[str], skipped: Set[str], parallel: int
) -> Iterator[Task]:
    """Pick the tasks that may start now, in the plan's order: none whose data or forerunner is missing.

    Args:
        plan: all tasks.
        done, running, skipped: names of those that are not to be started.
        parallel: how many may run at a time; one that must be alone lets others go first until nothing runs.
    """
    busy = {task.name for task in plan if task.name in running}
    alone = any(task.alone for task in plan if task.name in busy)
    for task in plan:
        if task.lacks or task.name in (done | running | skipped) or not done.issuperset(task.after):
            continue
        if alone or len(busy) >= parallel or (task.alone and busy):
            continue
        busy.add(task.name)
        alone = task.alone
        yield task


@contextmanager
def _noticed() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM while the block runs."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        if number in seen and number == signal.SIGINT:
            raise KeyboardInterrupt
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_line(state: State, task: str) -> str:
    log = state.log(task)
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else "no word"
