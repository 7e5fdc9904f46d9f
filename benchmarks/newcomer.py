"""How long a newcomer waits for the first restored picture, command by command, as the table of docs/installation.md.

    python -m benchmarks.newcomer

From an empty folder and an empty environment, with pip as it comes with Python and nothing in its cache. It needs a
package index, whose speed is in the times. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.installation import ROOT, build


def ways(work: Path) -> dict[str, tuple[str, ...]]:
    """What is typed, for each way to get symae."""
    wheel = build(work)
    then = ("symae sample noisy.png", "symae reconstruct noisy.png --out clean.png")
    return {
        "a wheel": (f"pip install 'symae[serve] @ {wheel.as_uri()}'", *then),
        "a wheel, ONNX Runtime without CUDA": (f"pip install 'symae[server] @ {wheel.as_uri()}' onnxruntime", *then),
        "a clone": (
            f"git clone {ROOT} symae",
            "pip install './symae[serve]'",
            "symae reconstruct symae/serve/sample.jpg --out clean.png",
        ),
    }


def walk(commands: tuple[str, ...], folder: Path) -> Iterator[tuple[str, float]]:
    """Type the commands in an empty folder, with an environment to begin with."""
    folder.mkdir()
    yield _timed("python -m venv .venv", folder, f"{sys.executable} -m venv .venv")
    for command in commands:
        yield _timed(command, folder)


def _timed(told: str, folder: Path, command: str | None = None) -> tuple[str, float]:
    path = f"{folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    began = time.perf_counter()
    subprocess.run(command or told, shell=True, cwd=folder, env=environment, check=True, capture_output=True)
    return told, time.perf_counter() - began


@click.command(help=__doc__)
@click.option("--way", "wanted", multiple=True, help="Only ways whose name has this in it; repeatable.")
def main(wanted: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for number, (name, commands) in enumerate(ways(work).items()):
            if wanted and not any(word in name for word in wanted):
                continue
            click.echo(f"\nfrom {name}\n\n| command | seconds |\n| --- | --- |")
            for command, took in walk(commands, work / str(number)):
                click.echo(f"| {command} | {took:.1f} |")


if __name__ == "__main__":
    main()
