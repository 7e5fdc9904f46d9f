"""Extraction on a cluster: the same parts by the same code, on the actors of Ray Data.

    numbers of parts -> actors: list of the part -> bytes -> pixels -> session -> part on disk -> numbers of images

What travels is a part's number alone. Decoding stays beside the session, on the CPUs that an actor asks for: an image
as a file is ten times smaller than its pixels, so it is the file that should cross the network, once. Every machine
must see the images, the model and the folder of the table by the same paths or URLs, as on a shared disk. An
actor that dies is replaced and its part computed again.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve.errors import JobError
from serve.features.filling import Advance
from serve.features.job import ExtractOptions, Facts, facts_of
from serve.features.parts import Work, compute
from serve.session import RuntimeOptions, Session, open_only

__all__ = ["Cluster"]


@dataclass(frozen=True)
class Cluster:
    """Computes on the actors of a Ray cluster: the connected one, or that of RAY_ADDRESS, or this machine alone.

    Attributes:
        model: where the encoder lies, for every machine.
        runtime: what each actor's session is made with; its threads are those of an actor, 0: its share of the CPUs.
        workers: number of actors; 0: one for each GPU where a GPU's provider is named, else one for each CPU.
    """

    model: Path
    runtime: RuntimeOptions
    workers: int = 0

    def facts(self, options: ExtractOptions) -> Facts:
        """Look at the model, where GPUs are wanted on a machine that has one."""
        ray = _ray()
        if not self._gpus():
            return _facts(self.model, self._runtime(), options)
        if ray.cluster_resources().get("GPU", 0) < 1:
            raise JobError("the cluster has no GPU: leave out --provider, or add a machine that has one")
        look = ray.remote(_facts).options(num_gpus=1, num_cpus=1)
        try:
            found: Facts = ray.get(look.remote(self.model.resolve(), self._runtime(), options))
        except ray.exceptions.RayError as error:
            raise _cause(error) from error
        return found

    def compute(self, work: Work, numbers: Sequence[int], advance: Advance) -> None:
        """Compute and write parts.

        Raises:
            JobError: images were changed after they had been listed.
        """
        if not numbers:
            return
        ray = _ray()
        resources = ray.cluster_resources()
        workers = self.workers or max(1, int(resources.get("GPU" if self._gpus() else "CPU", 1)))
        workers = min(workers, len(numbers))
        threads = self._threads(resources, workers)
        done = ray.data.from_items([{"part": number} for number in numbers], override_num_blocks=len(numbers)).map(
            _Actor,
            fn_constructor_args=(self.model.resolve(), self._runtime(), work, threads),
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=threads,
            num_gpus=self._gpus(),
        )
        try:
            for row in done.iter_rows():
                advance(int(row["rows"]))
        except ray.exceptions.RayError as error:
            raise _cause(error) from error

    def _threads(self, resources: Mapping[str, float], workers: int) -> int:
        """CPUs of an actor, no more than its machine has: Ray would wait for such a machine without a word."""
        most = int(max(node["Resources"].get("CPU", 0) for node in _ray().nodes() if node["Alive"]))
        if self.runtime.threads > most:
            raise JobError(f"no machine of the cluster has {self.runtime.threads} CPUs: at most --threads {most}")
        return self.runtime.threads or max(1, min(most, math.floor(resources.get("CPU", 1) / workers)))

    def _runtime(self) -> RuntimeOptions:
        """Take the CPU where nothing is named: an actor sees the GPUs that it asks for, and no others."""
        return dataclasses.replace(self.runtime, providers=self.runtime.providers or ("CPU",))

    def _gpus(self) -> int:
        return int(any(name.lower().startswith(("cuda", "tensorrt")) for name in self.runtime.providers))


class _Actor:
    """Computes parts with one session."""

    def __init__(self, model: Path, runtime: RuntimeOptions, work: Work, threads: int) -> None:
        self._session = _opened(model, runtime, threads)
        if self._session.provider != work.job.provider:
            raise JobError(f"an actor has {self._session.provider}, but the job is one of {work.job.provider}")
        self._work = dataclasses.replace(work, options=dataclasses.replace(work.options, threads=threads))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        number = int(row["part"])
        compute(self._session, self._work, [number], lambda _: None)
        return {"part": number, "rows": self._work.job.rows_of(number)}


def _facts(model: Path, runtime: RuntimeOptions, options: ExtractOptions) -> Facts:
    return facts_of(_opened(model, runtime, 1), options)


def _opened(model: Path, runtime: RuntimeOptions, threads: int) -> Session:
    return open_only("encoder", model, dataclasses.replace(runtime, threads=threads))


def _ray() -> Any:
    """Import Ray and connect, quietly; it would send statistics of its use."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise JobError("a cluster needs Ray, which is not installed: pip install 'symae[scale]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    return ray


def _cause(error: BaseException) -> JobError:
    """Find in a report of Ray's what we ourselves said in an actor."""
    lines = str(error).strip().splitlines() or [repr(error)]
    said = [match[1] for line in lines if (match := re.search(r"serve\.errors\.\w+: (.*)", line))]
    return JobError(said[-1] if said else f"the cluster gave up: {lines[-1]}")
