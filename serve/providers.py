"""Load a graph on the first provider that starts.

Where providers are named, those alone are used, in that order: a server that was told to run on a GPU must not run
on the CPU at a hundredth of the speed and say so only in its log. Where none is named, what does not start is
said in the log and the next is tried, down to the CPU.

Sessions share one arena on the CPU, without memory patterns, which are remembered for each shape where shapes are open;
threads do not spin, since on a shared core that burns it for nothing; one thread of the host is enough to feed
a GPU. Weights must stand in the file itself: those in a file beside it would stay mapped, and a file that is
replaced while it is mapped ends the process.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from collections import Counter
from typing import Any

import onnxruntime

from serve.cpu import usable_cpus
from serve.errors import ConfigError, RepositoryError
from serve.repository import ModelFile
from serve.runtime_options import CPU, CUDA, OPENVINO, TENSORRT, RuntimeOptions, attempts, chain

__all__ = ["RuntimeOptions", "has_nvidia_gpu", "nodes_by_provider", "open_runtime"]

PREFERRED = (CUDA, OPENVINO, CPU)
GPU = (CUDA, TENSORRT)
ERRORS_ONLY = 3
SAME_AS_REQUESTED = 1
NOWHERE = os.devnull  # in which no file can lie
log = logging.getLogger(__name__)


class _NotStartedError(Exception):
    """A provider that is there cannot be used."""


def open_runtime(file: ModelFile, options: RuntimeOptions) -> onnxruntime.InferenceSession:
    """Load a graph on the first provider that starts.

    Raises:
        RepositoryError: the file is damaged, or no ONNX model, or not whole by itself.
        ConfigError: a provider is named that this ONNX Runtime does not have, or none of the named starts.
    """
    wanted = _choose(options.providers)
    tries = [(provider, attempt) for provider in wanted for attempt in attempts(provider, options)]
    for left, (provider, attempt) in zip(reversed(range(len(tries))), tries, strict=True):
        try:
            return _open(file, provider, attempt)
        except Exception as error:  # the runtime's exceptions share no base class
            reason = str(error).splitlines()[0]
        if left:
            what = "CUDA graphs" if attempt.cuda_graphs else provider
            log.warning("%s cannot be used for %s, trying the next: %s", what, file.name, reason)
    if wanted[-1] == CPU:
        raise _damaged(file, reason)
    _check_file(file, options)
    raise ConfigError(f"{', '.join(wanted)} was asked for and does not start: {reason}; name CPU last to fall back")


def nodes_by_provider(runtime: Any) -> Counter[str]:
    """Count the nodes of a graph that each provider runs; empty where this ONNX Runtime does not tell."""
    try:
        parts = runtime.get_provider_graph_assignment_info()
    except Exception:  # an older one
        return Counter()
    counted: Counter[str] = Counter()
    for part in parts:
        counted[part.ep_name] += len(part.get_nodes())
    return counted


def _open(file: ModelFile, provider: str, options: RuntimeOptions) -> onnxruntime.InferenceSession:
    if provider in GPU and not has_nvidia_gpu():
        raise _NotStartedError("there is no NVIDIA GPU here, or no driver for it")
    runtime = onnxruntime.InferenceSession(
        file.path.read_bytes(),  # of a path, older ones take weights from beside it whatever they are told
        _session_options(provider, options),
        chain(provider, options),
        enable_fallback=0,  # its own takes the CPU and says so on the standard output
    )
    runtime._model_bytes = None  # it would keep them for good
    if runtime.get_providers()[0] != provider:
        raise _NotStartedError("its libraries are not there, or do not fit: ONNX Runtime's own message has more")
    return runtime


def _check_file(file: ModelFile, options: RuntimeOptions) -> None:
    """Tell a file that nothing can run from a provider that does not start."""
    try:
        _open(file, CPU, options)
    except Exception as error:
        raise _damaged(file, str(error).splitlines()[0]) from error


def _damaged(file: ModelFile, reason: str) -> RepositoryError:
    if "External data" in reason or f"{NOWHERE}/" in reason:
        return RepositoryError(f"{file.path} has its weights in a file beside it: expected one file that has all")
    return RepositoryError(f"cannot load {file.path}: damaged, or no ONNX model ({reason})")


def _choose(names: tuple[str, ...]) -> tuple[str, ...]:
    """Order the providers to try.

    Args:
        names: with or without their suffix "ExecutionProvider", in any case; empty: the best at hand.

    Raises:
        ConfigError: one is named that this ONNX Runtime does not have.
    """
    available = onnxruntime.get_available_providers()
    if not names:
        return tuple(name for name in PREFERRED if name in available and (name not in GPU or has_nvidia_gpu()))
    full = [name if name.endswith("ExecutionProvider") else f"{name}ExecutionProvider" for name in names]
    by_lower = {name.lower(): name for name in available}
    if missing := [name for name in full if name.lower() not in by_lower]:
        raise ConfigError(f"no provider {missing[0]!r} in this ONNX Runtime, it has {', '.join(available)}")
    return tuple(dict.fromkeys(by_lower[name.lower()] for name in full))


@functools.cache
def has_nvidia_gpu() -> bool:
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
    for key, value in (
        ("session.intra_op.allow_spinning", "0"),
        ("session.use_env_allocators", "1"),
        ("session.use_device_allocator_for_initializers", "1"),  # so that weights go when the session goes
        ("session.model_external_initializers_file_folder_path", NOWHERE),
        ("session.record_ep_graph_assignment_info", "1"),
    ):
        session.add_session_config_entry(key, value)
    return session
