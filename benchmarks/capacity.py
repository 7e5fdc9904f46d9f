"""How many servers a load needs: a simulation of servers behind a balancer, fed with measured service times.

    python -m benchmarks.capacity --rate 1000 --front-ms 0.1 --run-ms 1 --image-ms 0.5 --servers 2 --servers 4
    python -m benchmarks.capacity --validate          # against a real server on this machine; 2 minutes

Calls of one image come at random (Poisson). A balancer hands each to a server; a front checks and decodes it, one after
another; it then waits until the runtime is free, which takes what waits, up to a full batch, and needs --run-ms and
--image-ms an image for it. Beyond --queue images a call is refused. Where front and runtime share their processors
(--shared, a server on a CPU), a run also pays for its images' fronts.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import click
import numpy as np

__all__ = ["Balance", "Outcome", "Server", "simulate"]

Balance = Literal["round-robin", "random", "least"]
SERVERS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Server:
    """One server; times in seconds.

    Attributes:
        front: of one call in a front.
        fronts: that work at once.
        run: of a run, beside its images.
        image: of each image in a run.
        batch: most images of a run.
        queue: images that may wait or run.
        shared: fronts and runtime use the same processors.
        wire: of each call outside of the server: it delays and keeps nothing busy.
    """

    front: float
    run: float
    image: float
    fronts: int = 1
    batch: int = 32
    queue: int = 1024
    shared: bool = False
    wire: float = 0.0

    def capacity(self) -> float:
        """The most calls a second."""
        each = self.run / self.batch + self.image
        return 1 / (each + self.front) if self.shared else min(1 / each, self.fronts / self.front)

    def busy(self, images: int) -> float:
        """Seconds that a run of so many images takes."""
        return self.run + images * (self.image + (self.front if self.shared else 0))


@dataclass(frozen=True)
class Outcome:
    """What callers saw.

    Attributes:
        rate: answered calls a second.
        p50, p99: seconds from call to answer.
        refused: share of the calls, in [0, 1].
        batch: mean images of a run.
    """

    rate: float
    p50: float
    p99: float
    refused: float
    batch: float


@dataclass
class _State:
    """One server while it is simulated."""

    fronts: list[float]  # when each is free
    waiting: deque[float] = field(default_factory=deque)  # when those came that wait for the runtime
    held: int = 0  # images that wait or run
    running: bool = False


class _Simulation:
    def __init__(self, server: Server, servers: int, begin: float) -> None:
        self.server, self.begin = server, begin
        self.states = [_State([0.0] * server.fronts) for _ in range(servers)]
        self.answered, self.sizes, self.refused = list[tuple[float, float]](), list[int](), 0
        # when, order, server, when the calls came, whether their run ends then (else their front)
        self._events: list[tuple[float, int, int, tuple[float, ...], bool]] = []
        self._order = itertools.count()

    def arrive(self, at: float, number: int) -> None:
        state = self.states[number]
        if state.held >= self.server.queue:
            self.refused += at >= self.begin
            return
        state.held += 1
        ready = max(at, heapq.heappop(state.fronts)) + self.server.front
        heapq.heappush(state.fronts, ready)
        heapq.heappush(self._events, (ready, next(self._order), number, (at,), False))

    def advance(self, to: float) -> None:
        """Let happen what happens until then."""
        while self._events and self._events[0][0] <= to:
            at, _, number, came, ended = heapq.heappop(self._events)
            state = self.states[number]
            if ended:
                state.running, state.held = False, state.held - len(came)
                self.answered.extend((each, at) for each in came if each >= self.begin)
            else:
                state.waiting.extend(came)
            self._start(at, number)

    def _start(self, at: float, number: int) -> None:
        state = self.states[number]
        if state.running or not state.waiting:
            return
        came = tuple(state.waiting.popleft() for _ in range(min(self.server.batch, len(state.waiting))))
        state.running = True
        self.sizes.append(len(came))
        heapq.heappush(self._events, (at + self.server.busy(len(came)), next(self._order), number, came, True))


def simulate(
    server: Server, servers: int, rate: float, *, calls: int = 20_000, balance: Balance = "least", seed: int = 0
) -> Outcome:
    """Simulate equal servers behind a balancer.

    Args:
        server: each of them.
        servers: their number.
        rate: calls a second.
        calls: that are simulated; the first tenth only warms up.
        balance: in turn; at random, as connections that stay with a server come to; to who has the fewest.
        seed: of the arrivals; the same seed, the same outcome.
    """
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / rate, calls))
    begin, end = arrivals[calls // 10], arrivals[-1]
    simulation = _Simulation(server, servers, begin)
    for turn, at in enumerate(arrivals):
        simulation.advance(at)
        simulation.arrive(at, _choose(balance, simulation.states, turn, rng))
    simulation.advance(np.inf)
    times = np.array([ended - came for came, ended in simulation.answered]) + server.wire
    within = sum(ended <= end for _, ended in simulation.answered)
    p50, p99 = np.percentile(times, (50, 99))
    refused = simulation.refused / (len(times) + simulation.refused)
    return Outcome(within / (end - begin), float(p50), float(p99), refused, float(np.mean(simulation.sizes)))


def _choose(balance: Balance, states: list[_State], turn: int, rng: np.random.Generator) -> int:
    if balance == "round-robin":
        return turn % len(states)
    if balance == "random":
        return int(rng.integers(len(states)))
    return min(range(len(states)), key=lambda number: states[number].held)


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--rate", type=float, default=1000.0, help="Calls a second.")
@click.option("--front-ms", default=0.1, help="Of a call in a front.")
@click.option("--run-ms", default=1.0, help="Of a run, beside its images.")
@click.option("--image-ms", default=0.5, help="Of each image in a run.")
@click.option("--fronts", default=1, help="Processes that take calls, of each server.")
@click.option("--batch", default=32, help="Most images of a run.")
@click.option("--queue", default=1024, help="Images that may wait or run in a server.")
@click.option("--shared", is_flag=True, help="Fronts and runtime use the same processors.")
@click.option("--balance", type=click.Choice(["round-robin", "random", "least"]), default="least")
@click.option("--servers", multiple=True, type=int, default=SERVERS, help="Repeatable.")
@click.option("--validate", "real", is_flag=True, help="Against a real server on this machine.")
@click.option("--seconds", default=4.0, help="Of each measurement of --validate.")
def main(rate, front_ms, run_ms, image_ms, fronts, batch, queue, shared, balance, servers, real, seconds) -> None:
    if real:
        from benchmarks.capacity_check import validate

        for line in validate(seconds):
            click.echo(line)
        return
    server = Server(front_ms / 1e3, run_ms / 1e3, image_ms / 1e3, fronts, batch, queue, shared)
    click.echo(f"one server: at most {server.capacity():.0f}/s\nservers  answered/s   p50 ms   p99 ms  refused  batch")
    for count in servers:
        out = simulate(server, count, rate, balance=balance)
        times = f"{1e3 * out.p50:7.2f}  {1e3 * out.p99:7.2f}"
        click.echo(f"{count:7}  {out.rate:10.0f}  {times}  {out.refused:7.1%}  {out.batch:5.1f}")


if __name__ == "__main__":
    main()
