import pytest

from serve.config import ServeConfig
from serve.runtime_options import CPU, CUDA, OPENVINO, TENSORRT, RuntimeOptions, attempts, chain

GIB = 1 << 30


def test_cuda_is_told_its_device_limit_and_precision():
    ((name, told), after) = chain(CUDA, RuntimeOptions(device=1, gpu_bytes=GIB, tf32=True, cuda_graphs=True))
    assert (name, after) == (CUDA, (CPU, {}))
    assert told == {
        "device_id": "1",
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "gpu_mem_limit": str(GIB),
        "use_tf32": "1",
        "enable_cuda_graph": "1",
    }
    ((_, plain), _) = chain(CUDA, RuntimeOptions())
    assert "gpu_mem_limit" not in plain
    assert (plain["use_tf32"], plain["enable_cuda_graph"]) == ("0", "0")


def test_tensorrt_keeps_engines_where_it_is_told_and_hands_the_rest_to_cuda():
    options = RuntimeOptions(tensorrt_cache="/var/engines", tensorrt_fp16=True, gpu_bytes=GIB, device=2)
    (name, told), (second, cuda), last = chain(TENSORRT, options)
    assert (name, second, last) == (TENSORRT, CUDA, (CPU, {}))
    assert cuda["device_id"] == "2"
    assert told == {
        "device_id": "2",
        "trt_fp16_enable": "1",
        "trt_max_workspace_size": str(GIB),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": "/var/engines",
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": "/var/engines",
    }
    assert chain(TENSORRT, RuntimeOptions())[0][1] == {"device_id": "0", "trt_fp16_enable": "0"}


def test_openvino_has_the_threads_of_the_cpu_and_a_cache():
    told = {"device_type": "CPU", "num_of_threads": "3", "cache_dir": "/var/compiled"}
    assert chain(OPENVINO, RuntimeOptions(threads=3, openvino_cache="/var/compiled"))[0] == (OPENVINO, told)
    assert "cache_dir" not in chain(OPENVINO, RuntimeOptions())[0][1]


def test_the_cpu_needs_nobody_behind_it():
    assert chain(CPU, RuntimeOptions(gpu_bytes=GIB)) == [(CPU, {})]


@pytest.mark.parametrize(("provider", "expected"), [(CUDA, [True, False]), (CPU, [False]), (TENSORRT, [False])])
def test_graphs_are_for_cuda_and_may_fail(provider, expected):
    assert [one.cuda_graphs for one in attempts(provider, RuntimeOptions(cuda_graphs=True))] == expected
    assert [one.cuda_graphs for one in attempts(provider, RuntimeOptions())] == [False]


def test_everything_comes_from_the_configuration():
    given = {
        "providers": ("CPU",), "threads": 3, "tf32": True, "gpu_bytes": 5, "cuda_graphs": True, "tensorrt_fp16": True,
        "tensorrt_cache": "a", "openvino_cache": "b",
    }  # fmt: skip
    assert RuntimeOptions.of(ServeConfig(**given, devices=(2,))) == RuntimeOptions(**given, device=2)
    assert RuntimeOptions.of(ServeConfig()) == RuntimeOptions()
