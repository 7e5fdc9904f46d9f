"""What `symae doctor` looks at: whether this machine and this installation can do what symae does.

Each examiner is a function that yields findings; one that lacks a package says so, and the others go on. It works where
PyTorch is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from symae.doctor.finding import Finding
from symae.doctor.machine import check_devices, check_disk, check_threads
from symae.doctor.models import check_models
from symae.doctor.ports import check_port
from symae.doctor.providers import check_providers
from symae.doctor.versions import check_versions

__all__ = ["Finding", "examine"]


def examine(paths: Sequence[Path], addresses: Sequence[str]) -> Iterator[Finding]:
    """Look at everything, one finding after the other.

    Args:
        paths: model repositories and runs to look at, beside the model that comes with symae.
        addresses: HOST:PORT that a server is to listen on.
    """
    yield from _guarded("versions", check_versions)
    yield from _guarded("threads", check_threads)
    yield from _guarded("devices", check_devices)
    yield from _guarded("providers", check_providers)
    yield from _guarded("models", lambda: check_models(paths))
    yield from _guarded("disk", lambda: check_disk([Path.cwd(), *paths]))
    for address in addresses:
        yield from _guarded("ports", lambda address=address: check_port(address))  # type: ignore[misc]


def _guarded(topic: str, examiner: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from examiner()
    except ModuleNotFoundError as error:
        yield Finding(topic, f"{error.name} is not installed, so that this was not looked at")
    except (ImportError, OSError) as error:  # OSError: a library of a package that is there does not load
        reason = str(error).splitlines()[0]
        if isinstance(error, PermissionError):
            yield Finding(topic, f"not to be read by this user: {reason}", "give this user the right to read it")
            return
        yield Finding(
            topic, f"a package that is installed does not load: {reason}", "install it anew in a new environment"
        )
