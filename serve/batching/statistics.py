"""What each model has done, in plain counters with the meanings of Triton's ModelStatistics.

They are added to on the server's event loop alone and may be read from any thread. One image is one inference, one
run of the runtime one execution, whatever it holds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

from serve.errors import DeadlineError, OverloadError
from serve.observing.histogram import SIZES, Histogram

__all__ = ["BatchStatistics", "Duration", "ModelStatistics", "Spent"]


@dataclass(slots=True)
class Duration:
    """How often something happened, and the nanoseconds that it took in all."""

    count: int = 0
    ns: int = 0

    def add(self, seconds: float) -> None:
        """Count it once more."""
        self.count += 1
        self.ns += int(seconds * 1e9)


@dataclass(slots=True)
class Spent:
    """Where the time of one request went, in seconds.

    Attributes:
        queue: waiting for the runtime.
        decode: reading the request: decoding, resizing, stacking.
        run: the runs that it took part in.
        encode: writing the reply.
    """

    queue: float = 0.0
    decode: float = 0.0
    run: float = 0.0
    encode: float = 0.0


@dataclass(slots=True)
class BatchStatistics:
    """The executions of one size.

    Attributes:
        compute_input: putting the images together.
        compute_infer: the run itself.
        compute_output: taking the results apart.
    """

    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)


@dataclass(slots=True)
class ModelStatistics:
    """One version of one model since it was loaded.

    Attributes:
        inferences: images that were run.
        executions: runs that succeeded.
        last_inference: Unix time of the last run in seconds; 0: none yet.
        success: requests that were answered, from their arrival to their reply.
        fail: requests that were not, for whatever reason; the next three are among them.
        rejected: requests refused because the queue was full.
        late: requests whose deadline passed, or would have.
        cancelled: requests whose caller went away.
        queue, compute_input, compute_infer, compute_output: parts of the answered requests' time; see `Spent`.
        batches: images in a run -> the runs of that size.
        pixels: of the runs.
        left: why no more was waited for -> runs; see `serve.batching.work.Batch.why`.
    """

    inferences: int = 0
    executions: int = 0
    last_inference: float = 0.0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    rejected: int = 0
    late: int = 0
    cancelled: int = 0
    queue: Duration = field(default_factory=Duration)
    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)
    batches: defaultdict[int, BatchStatistics] = field(default_factory=lambda: defaultdict(BatchStatistics))
    pixels: Histogram = field(default_factory=lambda: Histogram(SIZES))
    left: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def executed(self, images: int, *, pixels: int, why: str, joining: float, running: float, splitting: float) -> None:
        """Count one run; the durations are in seconds."""
        self.executions += 1
        self.pixels.add(pixels)
        self.left[why] += 1
        self.inferences += images
        self.last_inference = time.time()
        batch = self.batches[images]
        batch.compute_input.add(joining)
        batch.compute_infer.add(running)
        batch.compute_output.add(splitting)

    def answered(self, seconds: float, spent: Spent) -> None:
        """Count a request that got its answer so many seconds after it came."""
        self.success.add(seconds)
        self.queue.add(spent.queue)
        self.compute_input.add(spent.decode)
        self.compute_infer.add(spent.run)
        self.compute_output.add(spent.encode)

    def failed(self, seconds: float, error: BaseException) -> None:
        """Count a request that got none; a cancelled one has a CancelledError, an expired one a DeadlineError."""
        self.fail.add(seconds)
        if isinstance(error, OverloadError):
            self.rejected += 1
        elif isinstance(error, DeadlineError):
            self.late += 1
        elif not isinstance(error, Exception):
            self.cancelled += 1
