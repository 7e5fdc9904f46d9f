"""What ONNX Runtime's providers are told, and why.

- CUDA: the arena grows by what is asked for, since growing by powers of two keeps up to twice that for ever, and by no
  more than the limit; cuDNN's exhaustive search costs half a second for each new shape, its heuristic milliseconds.
- TensorRT builds an engine for each new shape, which takes minutes: it is used only when it is named, with a folder
  that keeps the engines. What it cannot run, CUDA does.
- OpenVINO: as many threads as the CPU provider would have, and a folder that keeps what it compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from serve.config import ServeConfig
from serve.cpu import usable_cpus

__all__ = ["CPU", "CUDA", "OPENVINO", "TENSORRT", "RuntimeOptions", "attempts", "chain"]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
OPENVINO, TENSORRT = "OpenVINOExecutionProvider", "TensorrtExecutionProvider"


@dataclass(frozen=True)
class RuntimeOptions:
    """What a session is made with.

    Attributes:
        providers: execution providers in order of preference, with or without their suffix
            "ExecutionProvider"; empty: the best at hand.
        threads: of the CPU and OpenVINO providers; 0: as many as this process may use.
        tf32: let NVIDIA GPUs compute products in TF32.
        device: number of the NVIDIA GPU.
        gpu_bytes: most memory that CUDA's arena, or TensorRT's workspace, may take for one model; 0: no limit.
        cuda_graphs: replay the runs of warmed sizes on CUDA instead of launching them kernel by kernel.
        tensorrt_fp16: let TensorRT compute in half precision.
        tensorrt_cache: folder that keeps TensorRT's engines from start to start; empty: none does.
        openvino_cache: folder that keeps OpenVINO's compiled models; empty: none does.
    """

    providers: tuple[str, ...] = ()
    threads: int = 0
    tf32: bool = False
    device: int = 0
    gpu_bytes: int = 0
    cuda_graphs: bool = False
    tensorrt_fp16: bool = False
    tensorrt_cache: str = ""
    openvino_cache: str = ""

    @classmethod
    def of(cls, config: ServeConfig) -> Self:
        """Read the configuration of a server, or of the process of its first device."""
        return cls(
            providers=config.providers,
            threads=config.threads,
            tf32=config.tf32,
            device=config.device,
            gpu_bytes=config.gpu_bytes,
            cuda_graphs=config.cuda_graphs,
            tensorrt_fp16=config.tensorrt_fp16,
            tensorrt_cache=config.tensorrt_cache,
            openvino_cache=config.openvino_cache,
        )


def attempts(provider: str, options: RuntimeOptions) -> Iterator[RuntimeOptions]:
    """List with which options to try a provider, the best first: not every graph can be captured."""
    if provider == CUDA and options.cuda_graphs:
        yield options
    yield replace(options, cuda_graphs=False)


def chain(provider: str, options: RuntimeOptions) -> list[tuple[str, dict[str, str]]]:
    """List the providers of one session, which run each what those before them cannot, with their options."""
    if provider == TENSORRT:
        return [(TENSORRT, _tensorrt(options)), (CUDA, _cuda(options)), (CPU, {})]
    own = {CUDA: _cuda, OPENVINO: _openvino}
    first = (provider, own[provider](options) if provider in own else {})
    return [first] if provider == CPU else [first, (CPU, {})]


def _cuda(options: RuntimeOptions) -> dict[str, str]:
    told = {
        "device_id": str(options.device),
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": str(int(options.tf32)),
        "enable_cuda_graph": str(int(options.cuda_graphs)),
    }
    return told | ({"gpu_mem_limit": str(options.gpu_bytes)} if options.gpu_bytes else {})


def _tensorrt(options: RuntimeOptions) -> dict[str, str]:
    told = {"device_id": str(options.device), "trt_fp16_enable": str(int(options.tensorrt_fp16))}
    if options.gpu_bytes:
        told["trt_max_workspace_size"] = str(options.gpu_bytes)
    for what in ("engine", "timing") if options.tensorrt_cache else ():
        told |= {f"trt_{what}_cache_enable": "1", f"trt_{what}_cache_path": options.tensorrt_cache}
    return told


def _openvino(options: RuntimeOptions) -> dict[str, str]:
    told = {"device_type": "CPU", "num_of_threads": str(options.threads or usable_cpus())}
    return told | ({"cache_dir": options.openvino_cache} if options.openvino_cache else {})
