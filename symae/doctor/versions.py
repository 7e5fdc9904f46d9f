"""What is installed, and whether the packages of one purpose are all there."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from symae.doctor.finding import Finding

__all__ = ["check_versions"]

EXTRAS = {  # purpose -> (extra, its packages)
    "calling": ("client", ("grpcio", "grpcio-health-checking", "protobuf")),
    "serving": ("serve", ("grpcio-reflection", "prometheus-client", "pyarrow")),
    "training": ("train", ("torch", "torchvision", "lightning", "safetensors", "onnx")),
}
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
NEEDED = ("calling", "serving")  # what lacks them is not of much use; training is for some


def check_versions() -> Iterator[Finding]:
    """Say which versions there are, by purpose."""
    yield Finding("versions", f"Python {platform.python_version()}, symae {_version('symae') or '(not installed)'}")
    yield from _runtime([f"{name} {number}" for name in RUNTIMES if (number := _version(name))])
    for purpose, (extra, names) in EXTRAS.items():
        found = {name: _version(name) for name in names}
        missing = [name for name, number in found.items() if not number]
        there = ", ".join(f"{name} {number}" for name, number in found.items() if number)
        what = f"{purpose}: {there or 'not installed'}"
        wanted = purpose in NEEDED or there
        lack = f"; {', '.join(missing)} not installed" if missing and there else ""
        yield Finding("versions", what + lack, f"pip install 'symae[{extra}]'" if missing and wanted else "")


def _runtime(found: list[str]) -> Iterator[Finding]:
    if len(found) > 1:
        remedy = f"uninstall both, then install one: pip uninstall {' '.join(RUNTIMES)}; pip install 'symae[serve]'"
        yield Finding("versions", f"{' and '.join(found)} overwrite each other's files", remedy)
    elif found:
        yield Finding("versions", f"runtime: {found[0]}")
    else:
        yield Finding("versions", "no ONNX Runtime, so that no model runs here", "pip install 'symae[serve]'")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
