"""A repository that `symae export` wrote, unchanged under a real Triton: the same client, the same numbers.

SYMAE_TRITON names the Python of an environment with nvidia-pytriton and onnxruntime (see deploy/triton/serve.sh).
"""

import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from export.repository import add_version
from export.run import export_model
from serve.config import ServeConfig
from serve.server import load_sessions, running
from serve.session import INPUTS, OUTPUTS
from symae.networks import Layer, NetworkSpec
from symae.weights import ModelCard, build

pytestmark = pytest.mark.skipif(
    "SYMAE_TRITON" not in os.environ, reason="SYMAE_TRITON names a Python with nvidia-pytriton and onnxruntime"
)
SPEC = NetworkSpec("small", (Layer(6), Layer(6), Layer(8, stride=2), Layer(8)))
CLASSES = ("sky", "cow", "sea")
STAGES = {"pretrain": {}, "classify": {"classes": CLASSES}, "segment": {"classes": CLASSES, "colours": ((0,) * 3,) * 3}}
KINDS = tuple(INPUTS)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for stage, card in STAGES.items():
        whole = ModelCard(stage, SPEC, 29, **card)
        for kind, graph in export_model(build(whole).eval(), whole):
            if not (folder / f"x-{kind}").exists():
                add_version(folder, "x", kind, graph)
    return folder


@pytest.fixture(scope="module")
def triton(repository, deploy):
    from tritonclient import grpc

    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [deploy / "triton/serve.sh", os.environ["SYMAE_TRITON"], repository, "--grpc-port", str(port)]
    command += ["--allow-http=false", "--allow-metrics=false", "--disable-auto-complete-config"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        client = grpc.InferenceServerClient(f"localhost:{port}")
        try:
            wait_until_ready(client, process)
            yield client
        finally:
            client.close()
            process.terminate()
            process.communicate(timeout=60)


def wait_until_ready(client, process):
    from tritonclient.utils import InferenceServerException

    for _ in range(300):
        if process.poll() is not None:
            pytest.fail(process.stdout.read())
        try:
            if client.is_server_ready():
                return
        except InferenceServerException:
            time.sleep(0.2)
    pytest.fail("Triton is not ready after a minute")


@pytest.fixture(scope="module")
def ours(repository):
    from tritonclient import grpc

    config = ServeConfig(address="localhost:0", threads=1, grace=5)
    with running(load_sessions(repository, config), config) as address:
        client = grpc.InferenceServerClient(address)
        yield client
        client.close()


def infer(client, kind, image, mask):
    from tritonclient import grpc

    inputs = []
    for name, array in zip(("image", "mask"), (image, mask), strict=True):
        if name in INPUTS[kind]:
            inputs.append(grpc.InferInput(name, array.shape, "UINT8"))
            inputs[-1].set_data_from_numpy(array)
    answer = client.infer(f"x-{kind}", inputs)
    return {name: answer.as_numpy(name) for name in OUTPUTS[kind]}


def pictures(count, height, width, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (count, height, width, 3), np.uint8)
    return image, (rng.random((count, height, width)) < 0.1).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_triton_reads_each_configuration_as_it_was_written(triton, kind):
    assert triton.is_model_ready(f"x-{kind}")
    config = triton.get_model_config(f"x-{kind}").config
    assert (config.platform, config.backend, config.max_batch_size) == ("onnxruntime_onnx", "onnxruntime", 64)
    metadata = triton.get_model_metadata(f"x-{kind}")
    assert {value.name for value in metadata.inputs} == set(INPUTS[kind])
    assert {value.name for value in metadata.outputs} == set(OUTPUTS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "height", "width"), [(1, 29, 29), (3, 32, 45), (64, 16, 16)])
def test_both_servers_give_the_same_numbers(triton, ours, kind, count, height, width):
    there, here = (infer(client, kind, *pictures(count, height, width)) for client in (triton, ours))
    for name in OUTPUTS[kind]:
        assert there[name].dtype == here[name].dtype and there[name].shape == here[name].shape
        np.testing.assert_allclose(there[name].astype(float), here[name].astype(float), atol=1e-4, err_msg=name)


def test_what_triton_batches_comes_back_to_its_caller(triton, ours):
    asked = [pictures(1 + seed % 3, 24, 24 + 8 * (seed % 2), seed) for seed in range(60)]
    with ThreadPoolExecutor(16) as pool:
        there = list(pool.map(lambda pair: infer(triton, "autoencoder", *pair), asked))
    for pair, answer in zip(asked, there, strict=True):
        expected = infer(ours, "autoencoder", *pair)["reconstruction"]
        assert np.abs(answer["reconstruction"].astype(int) - expected).max() <= 1
    (statistics,) = triton.get_inference_statistics("x-autoencoder").model_stats
    assert statistics.execution_count < statistics.inference_stats.success.count  # runs, requests


def test_a_request_above_the_batch_size_is_refused_by_triton_itself(triton):
    from tritonclient.utils import InferenceServerException

    with pytest.raises(InferenceServerException, match="64"):
        infer(triton, "encoder", *pictures(65, 16, 16))
