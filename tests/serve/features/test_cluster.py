"""A cluster of two workers on this machine against this process. Ray takes some seconds to start: one test has it."""

import logging
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from serve.errors import JobError
from serve.features import cluster, job
from serve.features.cluster import Cluster
from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
from serve.session import RuntimeOptions, open_only

RUNTIME = RuntimeOptions(("CPU",), 1)


@pytest.fixture
def two_workers():
    ray = pytest.importorskip("ray", reason="Ray is of the extra `scale`: pip install 'symae[scale]'")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


@pytest.fixture
def folder(tmp_path, pictures):
    (tmp_path / "images").mkdir()
    for index, data in enumerate(pictures * 4):
        (tmp_path / "images" / f"{index:02d}.png").write_bytes(data if index != 13 else data[:50])
    Image.effect_noise((300, 200), 80).convert("RGB").save(tmp_path / "images" / "photo.jpg")
    return tmp_path / "images"


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_two_workers_write_what_one_process_writes_and_go_on_with_what_it_began(
    two_workers, repository, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(job, "PART_ROWS", 8)
    monkeypatch.chdir(tmp_path)  # the workers stand elsewhere
    options = ExtractOptions(batch=3, threads=1)
    local = Local(open_only("encoder", repository, RUNTIME))
    assert extract(local, ["images"], tmp_path / "whole.parquet", options, Stop()).failed == 1
    with pytest.raises(KeyboardInterrupt):
        extract(local, ["images"], Path("out.parquet"), options, Stop(after=14))
    begun = Stop()
    extract(Cluster(repository, RUNTIME, workers=2), ["images"], Path("out.parquet"), options, begun)
    assert begun.done == 8 and pq.read_table("out.parquet").num_rows == 41
    assert Path("out.parquet").read_bytes() == Path("whole.parquet").read_bytes()
    with pytest.raises(JobError, match="no machine of the cluster has 3 CPUs: at most --threads 2"):
        extract(Cluster(repository, RuntimeOptions(("CPU",), 3)), ["images"], Path("other.parquet"), options, Stop())
    with pytest.raises(JobError, match="the cluster has no GPU"):
        Cluster(repository, RuntimeOptions(("CUDA",))).facts(options)


def test_what_went_wrong_in_an_actor_is_one_line():
    report = (
        "RayTaskError(UserCodeException)\nTraceback ...\nserve.errors.JobError: the images were changed\nTo retry, ..."
    )
    assert str(cluster._cause(RuntimeError(report))) == "the images were changed"
    assert str(cluster._cause(RuntimeError("no node\nleft"))) == "the cluster gave up: left"
    assert str(cluster._cause(RuntimeError())) == "the cluster gave up: RuntimeError()"


def test_without_ray_it_says_what_to_install(repository, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(JobError, match=r"not installed: pip install 'symae\[scale\]'"):
        Cluster(repository, RUNTIME).facts(ExtractOptions())
