"""Memory comes back when a model is unloaded, and swaps do not add up."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from onnx import helper

from serve.client import Client
from serve.config import ServeConfig
from serve.server import load_sessions

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; other systems count memory otherwise")
SYMAE = (sys.executable, "-c", "from symae.cli import main; main()")
WEIGHTS = 24  # MB
SIDE = 128


def resident(process="self"):
    """MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.fixture
def big(tmp_path, toys):
    """An encoder of 24 MB, whose runs need as much again and more."""
    wide = WEIGHTS * 1_000_000 // 24  # 2 x 3 rows of 4 bytes
    nodes, constants = toys.channels_first()
    nodes += [
        helper.make_node("Identity", ["x"], ["feature_map"]),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "up"], ["wide"]),
        helper.make_node("MatMul", ["wide", "down"], ["embedding"]),
    ]
    constants += [("up", np.ones((3, wide), np.float32)), ("down", np.ones((wide, 3), np.float32))]
    outputs = [("embedding", toys.F32, ("N", 3)), ("feature_map", toys.F32, ("N", 3, "H", "W"))]
    path = tmp_path / ".new" / "model.onnx"
    return toys.write_model(path, nodes, [toys.IMAGE], outputs, constants, toys.metadata("encoder"))


def publish(path, folder, version):
    (folder / "m").mkdir(exist_ok=True, parents=True)
    shutil.copytree(path.parent, folder / "m" / f".{version}")
    (folder / "m" / f".{version}").rename(folder / "m" / str(version))


def test_a_closed_session_gives_back_weights_and_what_its_runs_needed(big, tmp_path):
    config = ServeConfig(threads=1, providers=("CPU",), batch_images=4)
    publish(big, tmp_path / "models", 1)

    def used(images):
        (session,) = load_sessions(tmp_path / "models", config)
        session.run((np.zeros((images, SIDE, SIDE, 3), np.uint8),), ("embedding", "feature_map"))
        return session

    used(1).close()  # what is loaded once: libraries, thread pools
    before = resident()
    session = used(8)
    assert resident() - before > 2 * WEIGHTS
    session.close()
    session.close()
    assert resident() - before < WEIGHTS / 2
    # `session` is still referred to: closing alone has to do it
    assert session.file.version == "1"


@pytest.fixture
def server(big, tmp_path):
    """A process that serves and watches it: its id and its address."""
    publish(big, tmp_path / "models", 1)
    settings = tmp_path / "serve.toml"
    settings.write_text('address = "localhost:0"\nthreads = 1\nbatch_images = 4\nwatch_seconds = 0.03\n')
    command = [*SYMAE, "serve", str(tmp_path / "models"), "--config", str(settings), "--provider", "CPU"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)]
            yield process.pid, lines[-1].split()[-1]
        finally:
            process.kill()


def test_memory_is_flat_over_twenty_swaps(big, tmp_path, server, toys):
    process, address = server
    images, used = [np.zeros((SIDE, SIDE, 3), np.uint8)] * 3, []
    with Client(address, timeout=20) as client:
        for version in range(2, 27):
            publish(big, tmp_path / "models", version)
            ends = time.monotonic() + 20
            while client.embed(images, keep_size=True).timing.version != str(version):
                assert time.monotonic() < ends
            while [model.state for model in toys.repository_index(address)] != ["READY"]:
                assert time.monotonic() < ends
            used.append(resident(process))
    assert median(used[-10:]) < median(used[5:15]) + 3 * WEIGHTS, used  # of twenty that stayed there would be twenty
