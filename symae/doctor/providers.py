"""Which execution providers run a model: ONNX Runtime lists what it was built with, not what works here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from symae.doctor.finding import Finding

__all__ = ["check_providers"]

SIDE = 64  # pixels of the image that is restored
REMEDIES = {
    "CPUExecutionProvider": "install ONNX Runtime anew: pip install --force-reinstall --no-deps onnxruntime",
    "CUDAExecutionProvider": "install CUDA and cuDNN of its version: pip install 'onnxruntime-gpu[cuda,cudnn]'",
}


def check_providers() -> Iterator[Finding]:
    """Open the model that comes with symae on each provider, and restore an image with it."""
    from serve.shipped import shipped_models  # before ONNX Runtime, which `serve` tells to send nothing

    folder = shipped_models()
    import onnxruntime

    for name in onnxruntime.get_available_providers():
        yield _try(name, folder)


def _try(name: str, folder: Path) -> Finding:
    import numpy as np

    from serve.errors import ServeError
    from serve.providers import GPU, has_nvidia_gpu
    from serve.repository import find_models
    from serve.session import RuntimeOptions, open_session

    if name in GPU and not has_nvidia_gpu():
        return Finding("providers", f"{name} is not used: there is no NVIDIA GPU, or no driver for it")
    image = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    try:
        session = open_session(find_models(folder)[0], RuntimeOptions(providers=(name,)))
        session.run((image, image[..., 0]), ("reconstruction",))  # the first run is a slower one
        began = time.perf_counter()
        session.run((image, image[..., 0]), ("reconstruction",))
        took = 1000 * (time.perf_counter() - began)
    except ServeError as error:
        reason = str(error).partition("does not start: ")[2] or str(error)
        return Finding("providers", f"{name} does not work: {reason}", REMEDIES.get(name, ""))
    if session.provider != name:
        return Finding("providers", f"{name} starts, but {session.provider} runs the model")
    return Finding("providers", f"{name} runs the model: {SIDE} x {SIDE} pixels in {took:.1f} ms")
