"""A process of its own for each part of a measurement, so that the work of one is not taken for another's."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Protocol, Self

from serve.bench.load import Load, Payload
from serve.bench.sample import Sample
from serve.errors import JobError

__all__ = ["Bench", "Stop", "Worker"]

Stop = Callable[[], bool]


class Bench(Protocol):
    """What a worker runs."""

    def __call__(self, payload: Payload, load: Load, stop: Stop) -> Sample:
        """Put a load on something and measure it; end early when `stop` says so."""


class Worker:
    """A spawned process that holds one bench.

    Args:
        make: a module's function that makes the bench; called in the process.
        arguments: for it.

    Raises:
        ServeError: what making it raised.
    """

    def __init__(self, make: Callable[..., Bench], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other, make, arguments), daemon=True)
        self._process.start()
        other.close()
        self._result()

    def start(self, payload: Payload, load: Load) -> None:
        """Begin to measure."""
        self._pipe.send((payload, load))

    def ready(self, seconds: float) -> bool:
        """Wait for the end; tell whether it came."""
        return self._pipe.poll(seconds)

    def stop(self) -> None:
        """Have it end early; the result is of what was measured by then."""
        self._pipe.send(None)

    def result(self) -> Sample:
        """Wait for what was measured.

        Raises:
            ServeError: what measuring raised.
        """
        sample = self._result()
        assert isinstance(sample, Sample)
        return sample

    def measure(self, payload: Payload, load: Load) -> Sample:
        """Measure from beginning to end."""
        self.start(payload, load)
        return self.result()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(5)
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _result(self) -> Sample | None:
        try:
            result: Sample | BaseException | None = self._pipe.recv()
        except (EOFError, OSError):
            raise JobError("a process of the measurement died; its words stand above") from None
        if isinstance(result, BaseException):
            raise result
        return result


def _work(pipe: Connection, make: Callable[..., Bench], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started us says when to stop
    try:
        bench = make(*arguments)
        pipe.send(None)
    except Exception as error:
        pipe.send(_portable(error))
        return
    while True:
        try:
            order = pipe.recv()
        except EOFError:
            os._exit(0)  # gRPC's threads would hold us up
        if order is None:  # a stop that came after the end
            continue
        payload, load = order
        try:
            pipe.send(bench(payload, load, pipe.poll))
        except Exception as error:
            pipe.send(_portable(error))


def _portable(error: Exception) -> Exception:
    """Make sure that it survives the way through the pipe."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return JobError(f"{type(error).__name__}: {error}")
    return error
