"""Processors, GPUs and disks, as this process may use them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from symae.doctor.finding import Finding

__all__ = ["check_devices", "check_disk", "check_threads"]

LOW_DISK = 2e9  # bytes: some checkpoints, or the features of a million images
DRIVER = "ask its driver: nvidia-smi; in a container, docker run --gpus all"


def check_threads() -> Iterator[Finding]:
    """Count the processors by affinity and quota, as the server does when it starts threads."""
    from serve.cpu import usable_cpus

    usable, all_of_them = usable_cpus(), os.cpu_count() or 1
    why = "" if usable == all_of_them else ", by affinity (taskset) and the control group's quota (docker run --cpus)"
    yield Finding("threads", f"{usable} of {all_of_them} processors may be used{why}")


def check_devices() -> Iterator[Finding]:
    """Say which GPUs the driver and PyTorch see, each by itself."""
    from serve.providers import has_nvidia_gpu

    gpu = has_nvidia_gpu()
    if not gpu and Path("/dev/nvidiactl").exists():
        yield Finding("devices", "there is an NVIDIA GPU whose driver does not answer", DRIVER)
    else:
        yield Finding("devices", f"{'an NVIDIA GPU' if gpu else 'no NVIDIA GPU'}, as its driver says")
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        yield Finding("devices", f"PyTorch trains on {', '.join(names)}")
    elif gpu:
        remedy = "install a PyTorch that was built for CUDA and not newer than the driver: see pytorch.org"
        yield Finding("devices", f"PyTorch {torch.__version__} does not see the GPU", remedy)
    else:
        yield Finding("devices", "PyTorch trains on the CPU")


def check_disk(places: Sequence[Path]) -> Iterator[Finding]:
    """Say how much room there is at some places and for temporary files, once for each file system."""
    seen = set()
    for place in (*places, Path(tempfile.gettempdir())):
        if not place.exists() or (device := place.stat().st_dev) in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(place).free
        remedy = f"free some: training and features need more than {LOW_DISK / 1e9:g} GB" if free < LOW_DISK else ""
        yield Finding("disk", f"{free / 1e9:.1f} GB free at {place}", remedy)
