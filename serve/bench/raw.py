"""The levels without a wire: the runtime alone in a loop, and the calls of the service in this process.

Against the first stands what the server adds; the second tells how much of that is gRPC's.
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from serve.bench.load import Load, Payload
from serve.bench.sample import OK, Log, Sample
from serve.bench.watch import Watch
from serve.bench.worker import Bench, Stop
from serve.config import ServeConfig
from serve.errors import JobError, ServeError

__all__ = ["in_process", "raw_runtime"]


def raw_runtime(models: Path, config: ServeConfig) -> Bench:
    """Make a bench of ONNX Runtime alone: one thread, one run after another, `payload.images` in each.

    The session is set up as the server sets it up, and gets the arrays as the model takes them: a model that resizes
    is measured at its own size.
    """
    from serve.blocks import Fit
    from serve.server import load_sessions
    from serve.session import INPUTS, OUTPUTS

    sessions = {session.file.name: session for session in load_sessions(models, config)}

    def run(payload: Payload, load: Load, stop: Stop) -> Sample:
        session = sessions[payload.model]
        fit = Fit.of(session.metadata) if payload.kind in ("encoder", "classifier") else None
        image = np.stack([fit(picture) if fit else picture for picture in payload.pictures()])
        feed = (image, np.zeros(image.shape[:3], np.uint8))[: len(INPUTS[payload.kind])]
        outputs, log, watch = OUTPUTS[payload.kind][:1], Log(), Watch(os.getpid())
        begin = first = now = time.perf_counter()
        while now < begin + load.total and not stop():
            session.run(feed, outputs)
            log.add(now, now := time.perf_counter(), OK)
            watch.look(now >= begin + load.warm_up)
            if now < begin + load.warm_up:
                first = now
        return watch.finish().of(log.sample(first, np.nextafter(now, np.inf)), [])

    return run


def in_process(models: Path, config: ServeConfig) -> Bench:
    """Make a bench of everything but gRPC: reading the requests, queue, batches, writing the answers."""
    from serve.server import load_sessions

    sessions = load_sessions(models, config)

    def run(payload: Payload, load: Load, stop: Stop) -> Sample:
        if load.rate:
            raise JobError("an open loop goes over gRPC alone")
        return asyncio.run(_callers(sessions, config, payload, load, stop))

    return run


async def _callers(sessions: Any, config: ServeConfig, payload: Payload, load: Load, stop: Stop) -> Sample:
    from serve.compute import Compute
    from serve.lifecycle.models import Models
    from serve.protocol.service import SymaeService
    from serve.protocol.ticket import Ticket

    models, log, watch = Models(sessions, config), Log(), Watch(os.getpid())
    with ThreadPoolExecutor(config.threads or None) as threads:
        call = SymaeService(models, Compute(config, threads)).offer().calls[payload.method]
        requests = payload.requests()
        begin = time.perf_counter()
        first, last = begin + load.warm_up, begin + load.total

        async def caller(number: int) -> None:
            while (due := time.perf_counter()) < last and not ended.is_set():
                try:
                    await call(requests[number % len(requests)], Ticket("", "", time.monotonic() + load.deadline))
                    log.add(due, time.perf_counter(), OK)
                except ServeError as error:
                    log.add(due, time.perf_counter(), error.code.name)
                    await asyncio.sleep(0.01)
                number += 1

        ended = asyncio.Event()
        callers = [asyncio.create_task(caller(number)) for number in range(load.callers)]
        while time.perf_counter() < last and not stop():
            watch.look(time.perf_counter() >= first)
            await asyncio.sleep(0.02)
        cost, now = watch.finish(), min(time.perf_counter(), last)
        ended.set()
        await asyncio.gather(*callers)
        await models.close()
    return cost.of(log.sample(min(first, now), now), [])
