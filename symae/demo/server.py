"""`symae serve` as a process of its own, on a free port."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from symae.errors import FailureError

__all__ = ["served"]

GRACE_SECONDS = 20


@contextmanager
def served(models: Path) -> Iterator[str]:
    """Serve a model repository while the block runs.

    Yields:
        HOST:PORT.

    Raises:
        FailureError: the server ended before it was ready; its own words are in the message.
    """
    command = [sys.executable, "-m", "symae", "serve", str(models), "--address", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        said = []
        try:
            for line in server.stdout:
                said.append(line.strip())
                if line.startswith("ready on "):
                    yield line.removeprefix("ready on ").strip()
                    return
            raise FailureError(f"the server did not start: {' | '.join(said[-3:])}")
        finally:
            server.terminate()
            try:
                server.communicate(timeout=GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
