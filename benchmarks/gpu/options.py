"""What a session is asked for, and where its state lies."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serve.files import appears_whole
from symae.results import Result

__all__ = ["Options", "State"]


@dataclass(frozen=True)
class Options:
    """What all tasks share; it travels to the processes that do them.

    Attributes:
        state: folder of runs, logs, unpacked data and what is done.
        data: folder by name; the name is a recipe's, what a recipe says it was written for, or "bsd68" and "cbsd68".
        settings: "key=value", applied on top of every recipe that is trained.
        seeds: runs of each row of a table.
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: processes of one training that decode images which do not fit in memory.
        compile: whether PyTorch compiles the step of every training.
        smoke: everything at a size that a CPU does in seconds.
        commit: of symae's source, for results; empty: as git has it.
    """

    state: Path
    data: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    seeds: int = 5
    device: str = "auto"
    workers: int = 2
    compile: bool = False
    smoke: bool = False
    commit: str = ""


@dataclass(frozen=True)
class State:
    """The state folder, as `Options.state` has it: `runs/`, `done/`, `spent/`, `logs/` and `data/`."""

    path: Path

    def run(self, task: str) -> Path:
        """The run directory of a training, or the folder of anything else."""
        return self.path / "runs" / task

    def log(self, task: str) -> Path:
        """What a task has said, over all sittings."""
        return self.path / "logs" / f"{task}.txt"

    def spent(self, task: str) -> float:
        """Seconds that a task was under way in earlier sittings."""
        file = self.path / "spent" / task
        return float(file.read_text()) if file.is_file() else 0.0

    def spend(self, task: str, seconds: float) -> None:
        """Add seconds to those that a task was under way."""
        _write(self.path / "spent" / task, str(self.spent(task) + seconds))

    def done(self, task: str) -> bool:
        """Whether a task is finished."""
        return self._done_file(task).is_file()

    def finish(self, task: str, results: tuple[Result, ...]) -> None:
        """Note a task as finished, with what it measured: both or neither."""
        _write(self._done_file(task), json.dumps({"results": [dataclasses.asdict(result) for result in results]}))

    def results(self) -> Iterator[Result]:
        """All that was measured, by name of the task."""
        for file in sorted((self.path / "done").glob("*.json")):
            yield from (Result(**values) for values in json.loads(file.read_text())["results"])

    def _done_file(self, task: str) -> Path:
        return self.path / "done" / f"{task}.json"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(path) as file:
        file.write_text(text)
