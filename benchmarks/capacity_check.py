"""Hold the simulation of benchmarks/capacity.py against a real server on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.capacity import Server, simulate
from benchmarks.serving_models import LARGE, SMALL, TINY, gflop, write_models
from benchmarks.serving_rig import Effort, payload, rig
from serve.bench.load import Load

__all__ = ["fit", "validate"]


def fit(seconds: dict[int, float]) -> tuple[float, float]:
    """Fit the seconds of runs at several batch sizes: of a run itself, never below 0, and of each image in it."""
    sizes, taken = np.array(list(seconds), float), np.array(list(seconds.values()))
    weights = 1 / taken  # relative errors count
    (run, image), *_ = np.linalg.lstsq(np.stack([weights, sizes * weights], 1), taken * weights, rcond=None)
    return max(0.0, float(run)), float(image)


def validate(seconds: float) -> Iterator[str]:
    """Measure service times apart, predict a server from them, and hold the prediction against the real one."""
    models = write_models(Path(tempfile.gettempdir()) / "symae-benchmark-models")
    with rig(models, Effort(rounds=1, seconds=seconds), {}) as ready:
        fast = ready.raw(payload(LARGE), 8, 2 * seconds).images_per_second
        yield f"ONNX Runtime alone: {fast:.1f} images/s of {gflop(LARGE):.2f} GFLOP, {fast * gflop(LARGE):.0f} GFLOP/s"
        of = payload(SMALL)
        run, image = fit({batch: batch / ready.raw(of, batch).images_per_second for batch in (1, 8, 32)})
        tiny = payload(TINY)  # its calls are all overhead
        front = 1 / ready.served(tiny, ready.closed(32)).images_per_second - 1 / ready.raw(tiny, 8).images_per_second
        alone = ready.served(of, ready.closed(1)).p50
        server = Server(front, run, image, shared=True, wire=max(0.0, alone - 2 * front - run - image))
        yield f"front {1e3 * front:.3f} ms a call; a run {1e3 * run:.3f} ms and {1e3 * image:.3f} ms an image"
        measured = ready.served(of, ready.closed(64)).images_per_second
        apart = replace(server, shared=False).capacity()
        yield f"at most: simulated {server.capacity():.0f} to {apart:.0f}/s, measured {measured:.0f}/s"
        for share in (0.3, 0.6):
            rate = share * measured
            told = ready.served(of, Load(rate=rate, seconds=2 * seconds, connections=4))
            said = simulate(server, 1, rate)
            yield (
                f"at {rate:.0f}/s: p50 simulated {1e3 * said.p50:.2f} ms, measured {1e3 * told.p50:.2f}; "
                f"p99 simulated {1e3 * said.p99:.2f}, measured {1e3 * told.p99:.2f}"
            )
