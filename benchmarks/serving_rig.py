"""What stands ready while a server is measured: the server, who loads it, and the raw runtime beside it."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving_models import CROP
from serve.bench.generator import generator
from serve.bench.hosted import hosted, write_config
from serve.bench.load import Load, Payload
from serve.bench.plan import BATCHES
from serve.bench.raw import raw_runtime
from serve.bench.sample import Figures
from serve.bench.worker import Worker
from serve.channel import Access
from serve.options import resolve

__all__ = ["SERVE", "Effort", "Rig", "payload", "rig"]

RUNS, LONGEST = 6, 30.0  # of a full batch in a window, and its seconds
SERVE = (sys.executable, "-m", "symae", "serve")


@dataclass(frozen=True)
class Effort:
    """How long it may take.

    Attributes:
        rounds: of which the median is taken; in each, raw and served measurements follow one another.
        seconds: of a measurement; of a slow model three times as many.
        soak: seconds of the soak.
    """

    rounds: int = 5
    seconds: float = 4.0
    soak: float = 120.0


@dataclass(frozen=True)
class Rig:
    """A server and the raw runtime, ready to be measured in turn.

    Attributes:
        models: the repository.
        address: of the server.
        effort: how long each measurement may take.
        settings: a TOML file for further servers of the same kind.
    """

    models: Path
    address: str
    effort: Effort
    settings: Path
    _server: Worker
    _runtime: Worker

    def raw(self, of: Payload, batch: int, seconds: float | None = None) -> Figures:
        """Measure ONNX Runtime alone at a batch."""
        seconds = seconds or self.effort.seconds
        sample = self._runtime.measure(
            dataclasses.replace(of, images=batch), Load(seconds=seconds, warm_up=seconds / 8)
        )
        return sample.figures(batch)

    def served(self, of: Payload, load: Load) -> Figures:
        """Measure the server."""
        return self._server.measure(of, load).figures(of.images)

    def window(self, of: Payload) -> float:
        """Seconds in which a slow model, too, ends some full runs: one more or less is then a few per cent."""
        rate = self.raw(of, 8, self.effort.seconds).images_per_second
        return min(LONGEST, max(self.effort.seconds, RUNS * max(BATCHES) / rate))

    def best_batch(self, of: Payload) -> int:
        """Find the batch at which the raw runtime is fastest."""
        rates = {batch: self.raw(of, batch, self.effort.seconds / 4).images_per_second for batch in BATCHES}
        return max(rates, key=lambda batch: rates[batch])

    def closed(self, callers: int, seconds: float | None = None) -> Load:
        """A closed loop of so many callers."""
        seconds = seconds or self.effort.seconds
        return Load(callers=callers, seconds=seconds, warm_up=max(0.3, seconds / 8))

    def interleaved(self, of: Payload, batch: int, served: Callable[[], Mapping[str, float]]) -> dict[str, float]:
        """Take figures over the raw rate: raw, served, raw again; the medians of the rounds.

        Args:
            of: the payload; its model and size count.
            batch: of the raw runtime.
            served: one round: names to images a second.

        Returns:
            The same names to the ratio; and "raw" to images a second.
        """
        rounds, before = list[dict[str, float]](), self.raw(of, batch).images_per_second
        for _ in range(self.effort.rounds):
            rates = served()
            after = self.raw(of, batch).images_per_second
            raw = (before + after) / 2
            rounds.append({name: rate / raw for name, rate in rates.items()} | {"raw": raw})
            before = after
        return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


@contextmanager
def rig(models: Path, effort: Effort, settings: Mapping[str, object]) -> Iterator[Rig]:
    """Start everything; ends it again."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_config(Path(folder) / "serve.toml", dict(settings))
        with (
            hosted(SERVE, models, file) as server,
            Worker(generator, server.address, Access(), server.process) as load,
            Worker(raw_runtime, models, resolve(file, {}, {}).config) as runtime,
        ):
            yield Rig(models, server.address, effort, file, load, runtime)


def payload(model: str, *, side: int = CROP, images: int = 1, encoding: str = "raw") -> Payload:
    """A request to one of the encoders."""
    return Payload("encoder", model, side, side, 3, images, encoding)  # type: ignore[arg-type]
