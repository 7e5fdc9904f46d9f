"""A process that embeds with one process and with a cluster of two, and prints what came of it as JSON.

A process of its own, because Ray starts others by fork, and a fork of a process in which gRPC's threads run (those of
servers in tests) may hang before it becomes Ray.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

from serve.errors import JobError
from serve.features import job
from serve.features.cluster import Cluster
from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
from serve.session import RuntimeOptions, open_only

RUNTIME = RuntimeOptions(("CPU",), 1)
NO_RAY = 77
OPTIONS = ExtractOptions(batch=3, threads=1)


class Stop:
    """Progress that ends the job after so many images, and remembers what was done before."""

    def __init__(self, after=1 << 30):
        self.left = after

    def __call__(self, done, total):
        self.done = done
        return self.advance

    def advance(self, more):
        self.left -= more
        if self.left <= 0:
            raise KeyboardInterrupt


def refusal(action):
    """The line that the action is refused with."""
    try:
        action()
    except JobError as error:
        return str(error)
    return "not refused"


def measure(repository):
    """Embed ./images whole into whole.parquet, and in part here and the rest by two workers into out.parquet."""
    job.PART_ROWS = 8
    local = Local(open_only("encoder", repository, RUNTIME))
    failed = extract(local, ["images"], Path("whole.parquet"), OPTIONS, Stop()).failed
    try:
        extract(local, ["images"], Path("out.parquet"), OPTIONS, Stop(after=14))
    except KeyboardInterrupt:
        begun = Stop()
        extract(Cluster(repository, RUNTIME, workers=2), ["images"], Path("out.parquet"), OPTIONS, begun)
    three = Cluster(repository, RuntimeOptions(("CPU",), 3))
    return {
        "failed": failed,
        "begun": begun.done,
        "threads": refusal(lambda: extract(three, ["images"], Path("other.parquet"), OPTIONS, Stop())),
        "gpu": refusal(lambda: Cluster(repository, RuntimeOptions(("CUDA",))).facts(OPTIONS)),
    }


def started(ray):
    """Start Ray, which gives itself 30 seconds; a busy machine may need another try."""
    for _ in range(3):
        try:
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            print(error, file=sys.stderr)
            ray.shutdown()
        else:
            return True
    return False


def main():
    warnings.simplefilter("ignore")  # Ray's own
    import ray

    if not started(ray):
        sys.exit(NO_RAY)
    print(json.dumps(measure(Path(sys.argv[1]))))
    sys.stdout.flush()
    ray.shutdown()


if __name__ == "__main__":
    main()
