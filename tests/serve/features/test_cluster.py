"""A cluster of two workers on this machine against one process. Ray takes some seconds to start: one test has it."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from serve.errors import JobError
from serve.features import cluster
from serve.features.cluster import Cluster
from serve.features.extract import ExtractOptions
from serve.session import RuntimeOptions

RUNTIME = RuntimeOptions(("CPU",), 1)
NO_RAY = 77


@pytest.fixture
def folder(tmp_path, pictures):
    (tmp_path / "images").mkdir()
    for index, data in enumerate(pictures * 4):
        (tmp_path / "images" / f"{index:02d}.png").write_bytes(data if index != 13 else data[:50])
    Image.effect_noise((300, 200), 80).convert("RGB").save(tmp_path / "images" / "photo.jpg")
    return tmp_path


def test_two_workers_write_what_one_process_writes_and_go_on_with_what_it_began(repository, folder):
    pytest.importorskip("ray", reason="Ray is of the extra `scale`: pip install 'symae[scale]'")
    command = [sys.executable, str(Path(__file__).with_name("cluster_process.py")), str(repository)]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)
    if process.returncode == NO_RAY:
        pytest.skip(f"Ray does not start on this machine: {process.stderr.splitlines()[-1]}")
    assert process.returncode == 0, process.stderr[-4000:]
    seen = json.loads(process.stdout.splitlines()[-1])
    assert seen["failed"] == 1 and seen["begun"] == 8
    assert pq.read_table(folder / "out.parquet").num_rows == 41
    assert (folder / "out.parquet").read_bytes() == (folder / "whole.parquet").read_bytes()
    assert "no machine of the cluster has 3 CPUs: at most --threads 2" in seen["threads"]
    assert "the cluster has no GPU" in seen["gpu"]


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
