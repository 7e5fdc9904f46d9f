"""What ONNX Runtime runs on, and how it is set up there.

Why the options are what they are: spinning threads burn a shared core for nothing; memory patterns are
remembered for each shape and shapes are open; the arena grows by what is asked for, since growing by
powers of two keeps up to twice that for ever; cuDNN's exhaustive search costs half a second for each
new shape, its heuristic milliseconds; on a GPU one host thread is enough to feed it.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from dataclasses import dataclass

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # from 1.29 on it is on by default; read at the import

import onnxruntime

from serve.cpu import usable_cpus
from serve.errors import ConfigError, RepositoryError
from serve.repository import ModelFile

__all__ = ["RuntimeOptions", "open_runtime"]

CPU = "CPUExecutionProvider"
# TensorRT is used when it is named: it builds an engine for each new shape, which takes minutes.
PREFERRED = ("CUDAExecutionProvider", "OpenVINOExecutionProvider", CPU)
GPU = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
ERRORS_ONLY = 3
SAME_AS_REQUESTED = 1
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RuntimeOptions:
    """What a session is made with.

    Attributes:
        providers: execution providers in order of preference, with or without their suffix
            "ExecutionProvider"; empty: the best at hand.
        threads: of the CPU provider; 0: as many as this process may use.
        tf32: let NVIDIA GPUs compute products in TF32.
        device: number of the GPU.
    """

    providers: tuple[str, ...] = ()
    threads: int = 0
    tf32: bool = False
    device: int = 0


def open_runtime(file: ModelFile, options: RuntimeOptions) -> onnxruntime.InferenceSession:
    """Load a graph on the first provider that works; those that do not are said in the log.

    Raises:
        RepositoryError: the file is damaged, or no ONNX model.
        ConfigError: a provider is named that this ONNX Runtime does not have.
    """
    wanted = _choose(options.providers)
    for position, provider in enumerate(wanted):
        chain = [(name, _provider_options(name, options)) for name in dict.fromkeys((provider, CPU))]
        try:
            runtime = onnxruntime.InferenceSession(str(file.path), _session_options(provider, options), chain)
        except Exception as error:
            if position + 1 == len(wanted):
                reason = str(error).splitlines()[0]
                raise RepositoryError(f"cannot load {file.path}: damaged, or no ONNX model ({reason})") from error
            log.warning("%s cannot run %s, trying the next: %s", provider, file.name, error)
            continue
        if runtime.get_providers()[0] == provider or position + 1 == len(wanted):
            return runtime
        log.warning("%s is not usable here for %s, trying the next", provider, file.name)
    raise AssertionError("the list of providers ends with the CPU")


def _choose(names: tuple[str, ...]) -> tuple[str, ...]:
    """Order the providers to try; the CPU is always the last.

    Args:
        names: with or without their suffix "ExecutionProvider", in any case; empty: the best at hand.

    Raises:
        ConfigError: one is named that this ONNX Runtime does not have.
    """
    available = onnxruntime.get_available_providers()
    if not names:
        usable = [name for name in PREFERRED if name in available and (name not in GPU or _has_nvidia_gpu())]
        return tuple(usable)
    full = [name if name.endswith("ExecutionProvider") else f"{name}ExecutionProvider" for name in names]
    by_lower = {name.lower(): name for name in available}
    if missing := [name for name in full if name.lower() not in by_lower]:
        raise ConfigError(f"no provider {missing[0]!r} in this ONNX Runtime, it has {', '.join(available)}")
    if any(name.lower() == gpu.lower() for name in full for gpu in GPU):
        _has_nvidia_gpu()  # finds the libraries
    return tuple(dict.fromkeys([*(by_lower[name.lower()] for name in full), CPU]))


@functools.cache
def _has_nvidia_gpu() -> bool:
    """Ask the driver itself: the CUDA provider of a wheel without a GPU only fails, loudly, when it is tried."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return False
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA and cuDNN as NVIDIA's own wheels install them
    return True


@functools.cache
def _shared_arena() -> None:
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    arena = onnxruntime.OrtArenaCfg({"arena_extend_strategy": SAME_AS_REQUESTED})
    onnxruntime.create_and_register_allocator(memory, arena)


def _session_options(provider: str, options: RuntimeOptions) -> onnxruntime.SessionOptions:
    _shared_arena()
    session = onnxruntime.SessionOptions()
    session.log_severity_level = ERRORS_ONLY
    session.intra_op_num_threads = 1 if provider in GPU else options.threads or usable_cpus()
    session.inter_op_num_threads = 1
    session.enable_mem_pattern = False
    session.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session.add_session_config_entry("session.use_env_allocators", "1")
    session.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    return session


def _provider_options(provider: str, options: RuntimeOptions) -> dict[str, str]:
    if provider == "CUDAExecutionProvider":
        return {
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
            "use_tf32": str(int(options.tf32)),
            "device_id": str(options.device),
        }
    if provider == "TensorrtExecutionProvider":
        return {"device_id": str(options.device)}
    if provider == "OpenVINOExecutionProvider":
        return {"num_of_threads": str(options.threads or usable_cpus())}
    return {}
