"""From what to measure to what was measured: each level under each load, one after another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serve.bench.generator import generator
from serve.bench.hosted import hosted
from serve.bench.load import Encoding, Load, Payload
from serve.bench.raw import in_process, raw_runtime
from serve.bench.sample import Figures
from serve.bench.worker import Worker
from serve.calling.results import ModelInfo
from serve.channel import Access
from serve.client import Client
from serve.config import ServeConfig
from serve.errors import JobError
from serve.options import resolve

__all__ = ["BATCHES", "Level", "Measured", "Target", "Wishes", "measure"]

Level = Literal["runtime", "in process", "gRPC"]
BATCHES = (1, 2, 4, 8, 16, 32)
LOOK = 0.2  # seconds between two looks at who measures
Advance = Callable[[int], None]
Start = Callable[[int, int], Advance]


@dataclass(frozen=True)
class Target:
    """What is measured: a server that runs, or a repository at all levels.

    Attributes:
        address: HOST:PORT, or None.
        access: how it is reached.
        models: a repository, or None.
        command: what `symae serve` is on this machine, for a repository.
        config: the server's TOML file, for a repository.
    """

    address: str | None
    access: Access
    models: Path | None
    command: Sequence[str] = ()
    config: Path | None = None

    @classmethod
    def of(cls, text: str, access: Access, command: Sequence[str], config: Path | None) -> Target:
        """Tell a repository from an address: it is there.

        Raises:
            JobError: it is neither, or a configuration is given for a server that runs already.
        """
        path = Path(text)
        if path.exists():
            return cls(None, access, path, command, config)
        if ":" not in text:
            raise JobError(f"{text} is neither a model repository nor HOST:PORT of a server")
        if config is not None:
            raise JobError("--config is for the server that is started for a repository, and this one runs already")
        return cls(text, access, None)

    def __str__(self) -> str:
        return str(self.address or self.models)


@dataclass(frozen=True)
class Wishes:
    """What is asked of it.

    Attributes:
        model: its name; may be empty where there is one.
        size: (height, width) of the images; None: the size that the model was trained on.
        images: in a request.
        encoding: how images travel.
        callers: of the closed loops, one after another.
        rates: of the open loops, calls a second.
        load: what all loads share.
    """

    model: str
    size: tuple[int, int] | None
    images: int
    encoding: Encoding
    callers: tuple[int, ...]
    rates: tuple[float, ...]
    load: Load

    def loads(self) -> Iterator[Load]:
        """List the loads over gRPC."""
        for callers in () if self.rates else self.callers:
            yield dataclasses.replace(self.load, callers=callers)
        for rate in self.rates:
            yield dataclasses.replace(self.load, rate=rate)


@dataclass(frozen=True)
class Measured:
    """One level under one load.

    Attributes:
        level: what was measured.
        payload, load: what it was given; of the raw runtime, `payload.images` is the batch.
        figures: what came out.
        whole: False where it was ended early.
    """

    level: Level
    payload: Payload
    load: Load
    figures: Figures
    whole: bool = True


@dataclass(frozen=True)
class _Step:
    level: Level
    payload: Payload
    load: Load


def measure(target: Target, wishes: Wishes, start: Start, keep: Callable[[Measured], None]) -> None:
    """Measure everything, telling each result as it comes.

    Args:
        target: of what.
        wishes: under what.
        start: called with (seconds done, seconds in all) once; gives what is called with each second that passed.
        keep: called with each result, at Ctrl-C also with the one that was ended early.

    Raises:
        KeyboardInterrupt: Ctrl-C, after the last result.
        ServeError: there is no such model or server, or a process of the measurement failed.
    """
    with ExitStack() as stack:
        address, process = target.address, None
        if target.models is not None:
            server = stack.enter_context(hosted(target.command, target.models, target.config))
            address, process = server.address, server.process
        assert address is not None
        payload = _payload(address, target.access, wishes)
        steps = list(_steps(target, wishes, payload))
        advance = start(0, sum(_whole(step) for step in steps))
        config = resolve(target.config, {}, {}).config
        for level in dict.fromkeys(step.level for step in steps):
            with _worker(level, target.models, config, (address, target.access, process)) as worker:
                for step in steps:
                    if step.level == level:
                        measured = _one(worker, step, advance)
                        keep(measured)
                        if not measured.whole:
                            raise KeyboardInterrupt


def _payload(address: str, access: Access, wishes: Wishes) -> Payload:
    with Client(address, timeout=min(access.timeout, 30.0), tls=access.tls, token=access.token) as client:
        info = _choose(client.models(), wishes.model)
    height, width = wishes.size or (info.crop, info.crop)
    return Payload(info.kind, info.name, height, width, info.channels, wishes.images, wishes.encoding)


def _choose(infos: Sequence[ModelInfo], name: str) -> ModelInfo:
    found = [info for info in infos if name in ("", info.name)]
    if len(found) != 1:
        have = ", ".join(info.name for info in infos) or "none"
        raise JobError(f"--model must name one of the models that are served, got {name!r}: there is {have}")
    return found[0]


def _steps(target: Target, wishes: Wishes, payload: Payload) -> Iterator[_Step]:
    if target.models is not None:
        brief = dataclasses.replace(wishes.load, warm_up=wishes.load.warm_up / 2, seconds=wishes.load.seconds / 2)
        for batch in BATCHES:
            yield _Step("runtime", dataclasses.replace(payload, images=batch), brief)
        for callers in () if wishes.rates else wishes.callers:
            yield _Step("in process", payload, dataclasses.replace(wishes.load, callers=callers))
    for load in wishes.loads():
        yield _Step("gRPC", payload, load)


def _worker(level: Level, models: Path | None, config: ServeConfig, server: tuple[str, Access, int | None]) -> Worker:
    if level == "gRPC":
        return Worker(generator, *server)
    return Worker(raw_runtime if level == "runtime" else in_process, models, config)


def _whole(step: _Step) -> int:
    return max(1, round(step.load.total))


def _one(worker: Worker, step: _Step, advance: Advance) -> Measured:
    worker.start(step.payload, step.load)
    passed, told, interrupted = 0.0, 0, False
    try:
        while not worker.ready(LOOK):
            passed = min(passed + LOOK, _whole(step))
            advance(int(passed) - told)
            told = int(passed)
    except KeyboardInterrupt:
        interrupted = True
        worker.stop()
    sample = worker.result()
    advance(_whole(step) - told)
    return Measured(step.level, step.payload, step.load, sample.figures(step.payload.images), not interrupted)
