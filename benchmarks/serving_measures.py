"""The targets of a server, each measured: a line has its key, what it is, the target and what came out."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import grpc
import numpy as np

from benchmarks.lines import Line
from benchmarks.serving_models import LARGE, SMALL, TINY
from benchmarks.serving_rig import SERVE, Rig, payload
from benchmarks.soak import Conditions, Verdict, soak
from serve.bench.hosted import hosted, write_config
from serve.bench.load import Load, Payload
from serve.errors import JobError

__all__ = ["MEASURES"]

CALLERS = (1, 8, 32)
# The best server with a Python front that was measured on such an encoder, over the raw runtime at batch 32.
PEERS = {"raw": {1: 0.23, 8: 0.26, 32: 0.33}, "jpeg": {1: 0.19, 8: 0.23, 32: 0.24}}
CONNECTIONS = 16  # that independent callers have, of whom an overload comes
MEGABYTE = (32, 292, 584)  # sides of images of up to 1 MB, uncompressed
WARMED = (32, 64)  # sides
READY = b"ready on "


def compute_bound(rig: Rig) -> Iterator[Line]:
    """Images a second of a model that keeps the processor busy, 32 callers."""
    one = payload(LARGE)
    seconds = rig.window(one)
    batch = rig.best_batch(one)
    ratios = rig.interleaved(one, batch, lambda: {"served": rig.served(one, rig.closed(32, seconds)).images_per_second})
    what = "2.9 GFLOP, 32 callers: images/s over raw ONNX Runtime"
    yield Line("compute-bound", what, 0.95, True, ratios["served"], f"raw {ratios['raw']:.1f}/s at batch {batch}")


def many_images(rig: Rig) -> Iterator[Line]:
    """Images a second of a small model, 32 images a request."""
    many = payload(SMALL, images=32)
    batch = rig.best_batch(many)
    loads = {f"{n}": rig.closed(n) for n in (1, 4, 32)}
    ratios = rig.interleaved(
        many, batch, lambda: {name: rig.served(many, load).images_per_second for name, load in loads.items()}
    )
    note = f"1 caller {ratios['1']:.2f}, 4 callers {ratios['4']:.2f}; raw {ratios['raw']:.0f}/s at batch {batch}"
    yield Line("many-images", "0.03 GFLOP, 32 images a request, 32 callers: over raw", 0.90, True, ratios["32"], note)


def one_image(rig: Rig) -> Iterator[Line]:
    """Images a second of a small model, one image a request."""
    kinds = {kind: payload(SMALL, encoding=kind) for kind in PEERS}
    batch = rig.best_batch(kinds["raw"])

    def served() -> Mapping[str, float]:
        loads = [(kind, callers) for callers in CALLERS for kind in kinds]
        return {f"{k} {n}": rig.served(kinds[k], rig.closed(n)).images_per_second for k, n in loads}

    ratios = rig.interleaved(kinds["raw"], batch, served)
    for kind, peers in PEERS.items():
        for callers, peer in peers.items():
            what = f"0.03 GFLOP, one {kind} image a request, {callers} callers: over raw"
            rate = f"{ratios['raw'] * ratios[f'{kind} {callers}']:.0f}/s, raw {ratios['raw']:.0f}/s at batch {batch}"
            yield Line(f"one-{kind}-{callers}", what, peer, True, ratios[f"{kind} {callers}"], rate)


def added_time(rig: Rig) -> Iterator[Line]:
    """What the server adds to the time of a call, one caller, images of up to 1 MB."""
    added: dict[int, list[float]] = {side: [] for side in MEGABYTE}
    for _ in range(rig.effort.rounds):
        for side, times in added.items():
            one = payload(TINY, side=side)
            raw, served = rig.raw(one, 1), rig.served(one, rig.closed(1))
            times.append(served.p50 - raw.p50)
    medians = {side: 1000 * statistics.median(times) for side, times in added.items()}
    note = ", ".join(f"{3 * side * side / 1e6:.2g} MB {ms:.2f}" for side, ms in medians.items())
    yield Line("added-p50", "added p50 at one caller, up to 1 MB, ms", 1.0, False, max(medians.values()), note)


def spread(rig: Rig) -> Iterator[Line]:
    """The 99th percentile over the median at 70 % load: calls evenly apart, and at random as of independent callers."""
    for model in (SMALL, LARGE):
        one, ratios = payload(model), dict[bool, list[float]]({False: [], True: []})
        seconds = rig.window(one)
        for _ in range(rig.effort.rounds):
            peak = _peak(rig, one, seconds)
            alone = rig.raw(one, 1).p50
            rate = 0.7 * peak
            for poisson, seen in ratios.items():
                figures = rig.served(one, Load(rate=rate, poisson=poisson, seconds=2 * seconds, warm_up=seconds / 4))
                seen.append(figures.p99 / figures.p50)
        even, at_random = (statistics.median(seen) for seen in ratios.values())
        note = f"at {rate:.0f}/s"
        yield Line(f"spread-{model}", f"{model}: p99 over p50 at 70 % load, calls evenly apart", 2.0, False, even, note)
        ideal = without_batches(alone * rate)
        note += f"; a queue without batches: {ideal:.1f}" if ideal else "; only batches bear it"
        yield Line(f"spread-random-{model}", f"{model}: the same, calls at random", 2.0, False, at_random, note)


def _peak(rig: Rig, one: Payload, seconds: float) -> float:
    """Images a second with 32 callers, who keep the server as busy as it can be."""
    peak = rig.served(one, rig.closed(32, seconds)).images_per_second
    if not peak:
        raise JobError(f"{one.model} answered nothing in {seconds:.0f} s: is the machine busy with something else?")
    return peak


def without_batches(load: float, calls: int = 200_000) -> float | None:
    """Simulate p99 over p50 of random calls, one after another, of equal work; None at more than full load."""
    if load >= 1:
        return None
    gaps, waited, times = np.random.default_rng(0).exponential(1 / load, calls), 0.0, np.empty(calls)
    for i, gap in enumerate(gaps.tolist()):
        waited = max(0.0, waited + 1.0 - gap)
        times[i] = waited + 1.0
    p50, p99 = np.percentile(times, (50, 99))
    return float(p99 / p50)


def overload(rig: Rig) -> Iterator[Line]:
    """Twice the load that the server can bear."""
    for model in (SMALL, LARGE):
        one = payload(model)
        seconds = rig.window(one)
        shares, refusals, late = list[float](), list[float](), 0.0
        for _ in range(rig.effort.rounds):
            peak = _peak(rig, one, seconds)
            twice = Load(rate=2 * peak, seconds=seconds, warm_up=2.0, deadline=1.0, connections=CONNECTIONS)
            figures = rig.served(one, twice)
            shares.append(figures.images_per_second / peak)
            refusals.append(1000 * (figures.refusal_p99 or 0.0))
            late = max(late, figures.late)
        errors = ", ".join(f"{count} {status}" for status, count in figures.errors.items())
        note = f"deadline 1 s; {figures.calls} answered, {errors or 'no refusal'}"
        note += f"; calls went out up to {1000 * late:.0f} ms late" if late > 0.005 else ""
        yield Line(f"goodput-{model}", f"{model}: goodput at twice the peak, over it", 0.9, True, _median(shares), note)
        what = f"{model}: 99 % of the refusals there within, ms"
        yield Line(f"refusals-{model}", what, 10.0, False, _median(refusals))


def first_calls(rig: Rig) -> Iterator[Line]:
    """The first call of each warmed shape after the server is ready, over the steady ones."""
    shapes = [payload(SMALL, side=side, images=images) for side in WARMED for images in (1, 32)]
    ratios: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder) / "serve.toml", {"warm_sizes": list(WARMED)})
        for _ in range(max(3, rig.effort.rounds)):
            with hosted(SERVE, rig.models / SMALL, config) as server:
                for shape, ratio in _first_over_steady(server.address, shapes):
                    ratios.setdefault(f"{shape.images} of {shape.height}", []).append(ratio)
    medians = {shape: statistics.median(values) for shape, values in ratios.items()}
    note = ", ".join(f"{shape}: {value:.2f}" for shape, value in medians.items())
    yield Line(
        "first-call", "first call after ready over steady p50, worst shape", 1.5, False, max(medians.values()), note
    )


def _first_over_steady(address: str, shapes: list[Payload], steady: int = 40) -> Iterator[tuple[Payload, float]]:
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(10)
        for shape in shapes:
            stub, request = channel.unary_unary(shape.path), shape.requests()[0].SerializeToString()
            times = []
            for _ in range(steady):
                began = time.perf_counter()
                stub(request)
                times.append(time.perf_counter() - began)
            yield shape, times[0] / statistics.median(times[1:])


def start(rig: Rig) -> Iterator[Line]:
    """From the start of the process to the first reply."""
    request, times = payload(SMALL), list[float]()
    data = request.requests()[0].SerializeToString()
    for _ in range(max(3, rig.effort.rounds)):
        command = [*SERVE, str(rig.models / SMALL), "--address", "localhost:0"]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            line = next(line for line in server.stdout if line.startswith(READY))
            with grpc.insecure_channel(line.split()[-1].decode()) as channel:
                channel.unary_unary(request.path)(data, timeout=10)
            times.append(time.perf_counter() - began)
            server.terminate()
            server.communicate()
    note = ", ".join(f"{seconds:.2f}" for seconds in times)
    yield Line("start", "start of the process to the first reply, s", 1.5, False, _median(times), note)


def soaked(rig: Rig) -> Iterator[Line]:
    """A short soak with cancels, bad images and model swaps."""
    verdict: Verdict = soak(Conditions(rig.effort.soak, swap=max(10.0, rig.effort.soak / 10)))
    note = f"{verdict.memory[0] / 1e6:.0f} to {verdict.memory[1] / 1e6:.0f} MB, at most {verdict.memory[2] / 1e6:.0f}"
    what = "memory growth over a soak after the warm-up, %"
    yield Line("growth", what, 5.0, False, 100 * verdict.growth / verdict.memory[0], note)
    note = f"{sum(verdict.words.values())} calls, {verdict.images} images; " + (
        "; ".join(verdict.faults()) or "no fault"
    )
    yield Line("wrong-replies", "replies lost, doubled, damaged or of another caller", 0.0, False, verdict.wrong, note)


def _median(values: list[float]) -> float:
    return statistics.median(values)


MEASURES: Mapping[str, Callable[[Rig], Iterator[Line]]] = {
    "compute-bound": compute_bound,
    "many-images": many_images,
    "one-image": one_image,
    "added-time": added_time,
    "spread": spread,
    "overload": overload,
    "first-calls": first_calls,
    "start": start,
    "soak": soaked,
}
