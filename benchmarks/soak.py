"""A soak: 70 % of what the server can do, for minutes, with callers of every sort and models that change.

    python -m benchmarks.soak --minutes 10 --load 0.7
    python -m benchmarks.soak --minutes 0.5 --swap 5

One in ten callers goes away at some moment; others send bad images, set deadlines that cannot be kept, read slowly,
close their half of a stream at once or leave it in the middle. Every half minute a new version of the model is put
into the repository, every third of them damaged. Each image carries its caller's mark through the model, so that an
answer that is lost, doubled or somebody else's is counted. Exit code 1 if there is one, if a call ended in a way that
its caller gave no reason for, if a version did not come into use, or if memory grew after the first minute.
"""

from __future__ import annotations

import dataclasses
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.marks import NAME, add_version, write_model
from benchmarks.soak_callers import WRONG, Callers, Tally
from serve.bench.hosted import Hosted, hosted, write_config
from serve.bench.usage import usage_of
from serve.progress import show_progress

__all__ = ["Conditions", "Verdict", "soak"]

SERVE = (sys.executable, "-m", "symae", "serve")
STREAMS = 3  # callers that hold one at a time
EXPECTED = ("right", "CANCELLED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED")
REFUSED, MOST_REFUSED = "RESOURCE_EXHAUSTED", 0.01  # a burst may fill the queue; at this load rarely
GROWTH, SLACK = 0.05, 8e6  # share and bytes by which memory may differ between two quarters of the rest
IN_USE_WITHIN = 10.0  # seconds for a new version
WARM_UP = 60.0  # seconds until memory should be level, or a quarter of a shorter soak
LOOK = 0.25  # seconds between two looks
AT_A_TIME, CALIBRATION = 16, 3.0  # calls, and seconds, to find out what the server can do
SETTINGS: dict[str, object] = {"batch_pixels": 1 << 16}  # so that the largest images go in tiles


@dataclass(frozen=True)
class Conditions:
    """What a soak is made of.

    Attributes:
        seconds: that it lasts.
        load: share of the calls a second that the server can do.
        swap: seconds between two versions; 0: none.
        channels: cost of the model; see `benchmarks.marks`.
        settings: of the server.
    """

    seconds: float = 600.0
    load: float = 0.7
    swap: float = 30.0
    channels: int = 64
    settings: dict[str, object] = dataclasses.field(default_factory=lambda: dict(SETTINGS))


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    Attributes:
        rate: calls a second that were made.
        words: how calls ended, and how often.
        images: that came back.
        versions: answers of each version.
        missed: versions that did not come into use in time.
        memory: bytes that the server held in the first and in the last quarter after the warm-up (medians), and most.
    """

    rate: float
    words: dict[str, int]
    images: int
    versions: dict[str, int]
    missed: tuple[int, ...]
    memory: tuple[float, float, float]

    @property
    def wrong(self) -> int:
        """Answers that were lost, doubled, damaged or somebody else's."""
        return sum(self.words.get(word, 0) for word in WRONG)

    @property
    def growth(self) -> float:
        """Bytes."""
        return self.memory[1] - self.memory[0]

    def faults(self) -> list[str]:
        """Say what is not as it must be, a line each."""
        faults = [f"{self.words[word]} replies {word}" for word in WRONG if self.words.get(word)]
        others = [word for word in self.words if word not in (*EXPECTED, *WRONG, REFUSED)]
        faults += [f"{self.words[word]} calls ended {word}" for word in others]
        if self.words.get(REFUSED, 0) > MOST_REFUSED * sum(self.words.values()):
            faults.append(f"{self.words[REFUSED]} calls were refused")
        faults += [f"version {version} did not come into use" for version in self.missed]
        if self.growth > GROWTH * self.memory[0] + SLACK:
            faults.append(f"memory grew by {self.growth / 1e6:.0f} MB")
        return faults


def soak(conditions: Conditions) -> Verdict:
    """Put a real server under load."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        write_model(models / NAME / "1" / "model.onnx", conditions.channels)
        config = write_config(Path(folder) / "serve.toml", conditions.settings)
        with hosted(SERVE, models, config) as server:
            return _Soak(server, models, conditions).run()


class _Soak:
    """One soak of a server that runs."""

    def __init__(self, server: Hosted, models: Path, conditions: Conditions) -> None:
        self._server, self._models, self._conditions = server, models, conditions
        self._tally, self._stop = Tally(), threading.Event()
        self._memory: list[int] = []
        self._missed: list[int] = []

    def run(self) -> Verdict:
        rate = self._conditions.load * _peak(self._server.address)
        callers, tally = Callers(self._server.address, self._tally), self._tally
        works = [lambda: callers.stream(self._stop)] * STREAMS + [self._watch, self._swap]
        threads = [threading.Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        try:
            self._make(callers, rate)
        finally:
            self._stop.set()
        for thread in threads:
            thread.join()
        callers.finish()
        return Verdict(
            rate, dict(tally.words), tally.images, dict(tally.versions), tuple(self._missed), _quarters(self._memory)
        )

    def _make(self, callers: Callers, rate: float) -> None:
        """Make calls at random times, as independent callers do."""
        began, due = time.monotonic(), 0.0
        with show_progress("seconds") as start:
            advance, told = start(0, round(self._conditions.seconds)), 0
            while due < self._conditions.seconds:
                time.sleep(max(0.0, began + due - time.monotonic()))
                callers.one()
                due += random.expovariate(rate)
                advance(int(due) - told)
                told = int(due)

    def _watch(self) -> None:
        warm = time.monotonic() + min(WARM_UP, self._conditions.seconds / 4)
        while not self._stop.wait(LOOK):
            usage = usage_of(self._server.process)
            if usage and time.monotonic() > warm:
                self._memory.append(usage.memory)

    def _swap(self) -> None:
        """Put versions into the repository and see that the whole ones come into use, and no damaged one."""
        version, every = 1, self._conditions.swap
        while every and not self._stop.wait(every):
            version += 1
            damaged = version % 3 == 0
            add_version(self._models, version, damaged=damaged)
            ends = time.monotonic() + min(IN_USE_WITHIN, every)
            while not (used := self._tally.versions[str(version)]) and time.monotonic() < ends:
                if self._stop.wait(LOOK):
                    return
            if bool(used) == damaged:
                self._missed.append(version)


def _peak(address: str) -> float:
    """Measure how many calls of this mixture a second the server answers."""
    callers = Callers(address, Tally())
    callers.closed_loop(AT_A_TIME, CALIBRATION / 3)
    rate = callers.closed_loop(AT_A_TIME, CALIBRATION)
    callers.finish()
    return rate


def _quarters(memory: Sequence[int]) -> tuple[float, float, float]:
    count = max(1, len(memory) // 4)
    return statistics.median(memory[:count]), statistics.median(memory[-count:]), max(memory)


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--minutes", default=10.0, type=click.FloatRange(0.05), help="How long.")
@click.option("--load", default=0.7, type=click.FloatRange(0.01), help="Share of what the server can do.")
@click.option("--swap", default=30.0, type=click.FloatRange(0), help="Seconds between two versions; 0: none.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Of the server; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(minutes: float, load: float, swap: float, settings: tuple[str, ...], as_json: bool) -> None:
    own = {key: json.loads(value) for key, _, value in (setting.partition("=") for setting in settings)}
    verdict = soak(Conditions(60 * minutes, load, swap, settings=SETTINGS | own))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(verdict) | {"faults": verdict.faults()}))
    else:
        click.echo("\n".join(lines(verdict)))
    sys.exit(1 if verdict.faults() else 0)


def lines(verdict: Verdict) -> list[str]:
    first, last, most = (f"{value / 1e6:.0f}" for value in verdict.memory)
    words = ", ".join(f"{count} {word}" for word, count in sorted(verdict.words.items(), key=lambda item: -item[1]))
    return [
        f"{sum(verdict.words.values())} calls at {verdict.rate:.0f} a second: {words}",
        f"{verdict.images} images came back; answers by version: {verdict.versions}",
        f"memory: {first} MB in the first quarter after the warm-up, {last} in the last, {most} at most",
        *(verdict.faults() or ["no fault"]),
    ]


if __name__ == "__main__":
    main()
