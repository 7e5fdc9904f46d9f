"""One sitting from its order to its last line: prepare the data, plan, do, report, pack."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.data import prepare
from benchmarks.gpu.estimate import Pace
from benchmarks.gpu.options import Options, State
from benchmarks.gpu.parcel import pack, unpack
from benchmarks.gpu.plan import make_plan
from benchmarks.gpu.session import Limits, Session
from benchmarks.gpu.tell import conclusion, table
from serve.files import appears_whole
from symae.results import append_result

__all__ = ["REMAINS", "Order", "carry_out"]

REMAINS = 3  # exit code
MIB = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What was given on the command line; see its help."""

    state: Path
    out: Path
    data: Sequence[str] = ()
    jobs: Sequence[str] = ("all",)
    seeds: int = 5
    settings: Sequence[str] = ()
    budget: float | None = None
    reserve: float = 20.0
    parallel: int = 1
    workers: int = 2
    device: str = "auto"
    compile: bool = False
    flops: float = Pace.flops
    pack: float | None = None
    part: float = 15.0
    unpack: Path | None = None
    commit: str = ""
    smoke: bool = False
    listed: bool = False


def carry_out(order: Order, say: Say, clock: Callable[[], float] = time.monotonic) -> int:
    """Do what was ordered, as far as the budget goes.

    Returns:
        The exit code: 0 all is done, `REMAINS` something is left, 1 something failed.

    Raises:
        InputError: something that was given is not as it must be.
    """
    began = clock()
    if order.unpack is not None:
        unpack(order.unpack, order.state)
    options = _options(order)
    plan, state = make_plan(order.jobs, options), State(order.state)
    pace = Pace(flops=order.flops)
    if order.listed:
        for line in table(plan, state, pace.measured(plan, state), order.parallel):
            say(line)
        return 0
    order.out.mkdir(parents=True, exist_ok=True)
    budget = None if order.budget is None else order.budget - (clock() - began)
    session = Session(plan, options, Limits(budget, order.reserve, order.parallel), say, clock)
    session.run(lambda: _write_results(state, order.out))
    _write_results(state, order.out)
    if order.pack is not None:
        parcel = pack(order.state, plan, order.out, limit=int(order.pack * MIB), part=int(order.part * MIB))
        say(f"packed {parcel.size / MIB:.1f} MiB into {order.out}")
        for file in parcel.left_behind:
            say(f"no room for {file} ({file.stat().st_size / MIB:.1f} MiB)")
    for line in conclusion(plan, state, pace.measured(plan, state), order.parallel, session.failed):
        say(line)
    if session.failed:
        return 1
    return 0 if all(task.lacks or state.done(task.name) for task in plan) else REMAINS


def _options(order: Order) -> Options:
    return Options(
        state=order.state,
        data=prepare(order.data, order.state),
        settings=tuple(order.settings),
        seeds=order.seeds,
        device=order.device,
        workers=order.workers,
        compile=order.compile,
        smoke=order.smoke,
        commit=order.commit,
    )


def _write_results(state: State, out: Path) -> None:
    """Write all that was measured anew, so that no line stands there twice."""
    results = list(state.results())
    if results:
        with appears_whole(out / "results.jsonl") as file:
            file.unlink(missing_ok=True)
            for result in results:
                append_result(file, result)
