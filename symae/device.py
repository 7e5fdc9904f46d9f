"""Which device computes."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from symae.errors import InputError

__all__ = ["Device", "check_devices", "on_device", "parse_device"]


@dataclass(frozen=True)
class Device:
    """A device, for PyTorch and for Lightning."""

    torch: torch.device

    @property
    def accelerator(self) -> str:
        """Lightning's name for the kind of device."""
        return "gpu" if self.torch.type == "cuda" else "cpu"

    @property
    def indices(self) -> int | list[int]:
        """Lightning's choice of devices: one process on a CPU, the given card on a GPU."""
        return [self.torch.index or 0] if self.torch.type == "cuda" else 1

    def has_instructions_for(self, precision: str) -> bool:
        """Whether it computes in a precision itself; without, PyTorch does so by others, slowly."""
        if not precision.startswith("bf16"):
            return True
        if self.torch.type == "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        known = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        return not known or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())

    def describe(self) -> str:
        """Name the device for a line of news."""
        if self.torch.type == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return f"the CPU ({torch.get_num_threads()} threads)"


def parse_device(name: str, number: int = 0, processes: int = 1) -> Device:
    """Read "auto", "cpu", "cuda" or "cuda:N"; "auto" takes a GPU if there is one.

    Args:
        name: the device.
        number: of this process among those of the machine that each take one: the GPU of that number, or the only one
            that it was given to see.
        processes: how many they are.

    Raises:
        InputError: another name, a GPU that is not there, or one GPU for several processes.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and (kind == "cpu" or not index.isdigit())):
        raise InputError(f"unknown device {name!r}: give auto, cpu, cuda or cuda:N")
    if index and processes > 1:
        raise InputError(f"{name} is one device for {processes} processes: give cuda; CUDA_VISIBLE_DEVICES says which")
    if index or (kind == "cuda" and torch.cuda.device_count() == 1):
        number = int(index or 0)
    if kind == "cuda" and number >= torch.cuda.device_count():
        raise InputError(
            f"device {name} is not there: PyTorch sees {torch.cuda.device_count()} GPUs; give --device cpu"
        )
    return Device(torch.device("cuda", number) if kind == "cuda" else torch.device("cpu"))


def check_devices(name: str, processes: int) -> None:
    """Make sure, before any is started, that each of several processes of this machine has a device of its own.

    Raises:
        InputError: as `parse_device`; or there are fewer GPUs than processes.
    """
    last = parse_device(name, processes - 1, processes).torch
    if last.type == "cuda" and torch.cuda.device_count() < processes:
        raise InputError(
            f"{processes} processes want a GPU each and PyTorch sees {torch.cuda.device_count()}: "
            f"give --devices {torch.cuda.device_count()}, or --device cpu"
        )


@functools.cache
def on_device(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Bring a few numbers to a device, once: where each batch brings them anew, it waits for the one before."""
    with torch.inference_mode(False):  # they are for training, too, whoever asks first
        return torch.tensor(values, device=device)
