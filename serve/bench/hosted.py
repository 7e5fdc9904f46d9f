"""A server in a process of its own, started as users start it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve.errors import JobError

__all__ = ["Hosted", "hosted", "write_config"]

READY = "ready on "
PATIENCE = 60.0  # seconds for it to end


@dataclass(frozen=True)
class Hosted:
    """A server that runs.

    Attributes:
        address: HOST:PORT.
        process: its id.
    """

    address: str
    process: int


@contextmanager
def hosted(command: Sequence[str], models: Path, config: Path | None = None) -> Iterator[Hosted]:
    """Serve a repository on a free port; drains at the end.

    Args:
        command: what `symae serve` is on this machine, word by word.
        models: a model repository.
        config: a TOML file for the server.

    Raises:
        JobError: it ended instead of getting ready; with its own words.
    """
    words = [*command, str(models), "--address", "localhost:0", *(("--config", str(config)) if config else ())]
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=complaints, text=True, start_new_session=True) as server,
    ):
        try:
            assert server.stdout is not None
            line = next((line for line in server.stdout if line.startswith(READY)), None)
            if line is None:
                complaints.seek(0)
                raise JobError(f"the server did not start: {complaints.read().strip() or 'it said nothing'}")
            yield Hosted(line.removeprefix(READY).split()[0], server.pid)
        finally:
            server.terminate()
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()


def write_config(path: Path, values: dict[str, Any]) -> Path:
    """Write a TOML file of plain values; returns its path."""
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()), encoding="utf-8")
    return path
