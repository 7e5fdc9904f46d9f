"""What an installation weighs and how long its imports take, as the table of docs/installation.md.

    python -m benchmarks.installation --work FOLDER

Builds the wheel, installs it with each extra into an empty environment (this needs a package registry), has the one
that serves restore a photograph over gRPC, and prints a table. Times are medians of processes that each import once,
with compiled files and warm caches, the interpreter's own start included. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image
from skimage.data import astronaut

ROOT = Path(__file__).parents[1]
ROUNDS = 7
SIGMA = 25
EXTRAS = {  # what is installed -> what is imported there
    "client": ("symae", "serve.client"),
    "server": ("serve.config",),
    "serve": ("symae", "serve.client", "serve.server", "serve.features.extract"),
}


@dataclass(frozen=True)
class Installed:
    """An environment with symae in it.

    Attributes:
        extra: which one was asked for.
        bin: where its commands lie.
        megabytes: of its packages, by their files' lengths, without compiled files.
        packages: how many there are, symae included.
    """

    extra: str
    bin: Path
    megabytes: float
    packages: int


def build(work: Path) -> Path:
    """Build the wheel, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return max(work.glob("*.whl"), key=lambda path: path.stat().st_mtime)


def install(wheel: Path, extra: str, work: Path) -> Installed:
    """Install the wheel with an extra into an empty environment.

    Raises:
        RuntimeError: PyTorch came along.
    """
    place, uv = work / extra, [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, place], check=True)
    wish = f"symae[{extra}] @ {wheel.as_uri()}"
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", place, "--compile-bytecode", wish], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    if (packages / "torch").exists():
        raise RuntimeError(f"symae[{extra}] brings PyTorch")
    return Installed(extra, place / "bin", weigh(packages), len(list(packages.glob("*.dist-info"))))


def weigh(folder: Path) -> float:
    """Megabytes of the files in a folder that were installed, not compiled afterwards."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc") / 1e6


def seconds(command: list[str | Path], work: Path, rounds: int = ROUNDS) -> float:
    """Median time of a process from its start to its end; one that is not counted comes first."""
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=work)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


@contextlib.contextmanager
def serving(at: Installed, work: Path) -> Iterator[str]:
    """The installed server with the model that comes with it, on a free port."""
    command = [at.bin / "symae", "serve", "--address", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        ready = next(line for line in process.stdout if line.startswith("ready on "))
        yield ready.removeprefix("ready on ").strip()
    finally:
        process.terminate()
        process.communicate(timeout=60)


def restore(at: Installed, work: Path) -> tuple[float, float]:
    """PSNR in dB of a noisy photograph, as sent to the installed server and as received."""
    clean = astronaut().astype(float)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape), 0, 255)
    Image.fromarray(noisy.round().astype(np.uint8)).save(work / "noisy.png")
    with serving(at, work) as address:
        command = [at.bin / "symae", "reconstruct", "noisy.png", "--address", address, "--out", "restored.png"]
        subprocess.run(command, cwd=work, check=True, capture_output=True)
    restored = np.asarray(Image.open(work / "restored.png"), float)
    return psnr(noisy, clean), psnr(restored, clean)


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, over all channels."""
    return float(10 * np.log10(255**2 / np.mean((image - clean) ** 2)))


def rows(work: Path, extras: list[str]) -> Iterator[tuple[str, str]]:
    """What is measured, and what it came to."""
    wheel = build(work)
    yield "wheel, with the model for photographs", f"{wheel.stat().st_size / 1e6:.1f} MB"
    for extra in extras:
        at = install(wheel, extra, work)
        yield f"`symae[{extra}]` in an empty environment", f"{at.megabytes:.0f} MB, {at.packages} packages"
        python = at.bin / "python"
        yield f"`symae[{extra}]`: `python -c pass`", f"{seconds([python, '-c', 'pass'], work):.2f} s"
        for module in EXTRAS[extra]:
            took = seconds([python, "-c", f"import {module}"], work)
            yield f"`symae[{extra}]`: `import {module}`", f"{took:.2f} s"
        yield f"`symae[{extra}]`: `symae --help`", f"{seconds([at.bin / 'symae', '--help'], work):.2f} s"
        if extra == "serve":
            before, after = restore(at, work)
            yield (
                f"a photograph with noise of sigma {SIGMA}, restored by that server",
                f"{before:.1f} to {after:.1f} dB",
            )


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), help="Keep what is built here.")
@click.option("--extra", "extras", multiple=True, type=click.Choice(list(EXTRAS)), help="Repeatable; default: all.")
def main(work, extras) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        place = (work or Path(temporary)).resolve()
        place.mkdir(parents=True, exist_ok=True)
        click.echo("| | |\n| --- | --- |")
        for what, value in rows(place, list(extras or EXTRAS)):
            click.echo(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
