"""Denoising beside BM3D, non-local means and published numbers: the same noise, the same CPU, the same threads.

    python -m benchmarks.denoising --data bsds/cbsd68 --data bsds/bsd68 --method bm3d --method nl-means
    python -m benchmarks.denoising --data bsds/cbsd68 --run runs/photo --method bm3d --record benchmarks/results.jsonl
    python -m benchmarks.denoising --data bsds/cbsd68 --model models/photo-autoencoder --threads 2 --minutes 30

The protocol is that of `symae.denoising`. Each image is denoised by all methods in turn, so that a machine that is
busy for a while is so for all of them. Every score is kept in --scores as it comes; the same command goes on where it
was stopped, by Ctrl-C, by --minutes or otherwise. A method is recorded for a folder when all its images are done.
BM3D and non-local means always run in one thread. BM3D needs `pip install bm3d`: see `benchmarks/denoisers.py` on its
licence first. It takes about 20 s for a colour image of 481 x 321 and 8 s for a gray one.
"""

from __future__ import annotations

import dataclasses
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from benchmarks.denoisers import CLASSICS, Method, classic, of_model, of_run, with_ensemble
from benchmarks.scores import Case, Scores
from serve.errors import ServeError
from serve.image import read
from serve.progress import show_progress
from symae.denoising import SIGMAS, Score, denoise
from symae.errors import DataError, SymaeError
from symae.report.published import PUBLISHED
from symae.restoration import images_of
from symae.results import append_result

SEED = 0


@dataclass(frozen=True)
class Comparison:
    """What is compared on one folder."""

    folder: Path
    images: tuple[Path, ...]
    channels: int
    sigmas: tuple[float, ...]
    methods: tuple[Method, ...]
    threads: int

    def case(self, method: Method, image: Path, sigma: float) -> Case:
        return Case(method.key, self.folder.name, image.relative_to(self.folder).as_posix(), sigma, SEED, self.threads)

    def cases(self) -> Iterator[tuple[Path, float, Method]]:
        yield from ((image, sigma, m) for sigma in self.sigmas for image in self.images for m in self.methods)

    def scores(self, method: Method, sigma: float, kept: Scores) -> list[Score]:
        cases = [self.case(method, image, sigma) for image in self.images]
        return [kept[case] for case in cases if case in kept]

    def values(self, method: Method, kept: Scores) -> dict[str, float]:
        """The means of a method, by name; empty unless all images are done."""
        found = {sigma: self.scores(method, sigma, kept) for sigma in self.sigmas}
        if any(len(scores) < len(self.images) for scores in found.values()):
            return {}
        values = {}
        for sigma, scores in found.items():
            values[f"psnr_sigma{sigma:g}{method.suffix}"] = mean(score.psnr for score in scores)
            values[f"ssim_sigma{sigma:g}{method.suffix}"] = mean(score.ssim for score in scores)
        everything = [score for scores in found.values() for score in scores]
        values[f"seconds_per_image{method.suffix}"] = mean(score.seconds for score in everything)
        values[f"cpu_seconds_per_image{method.suffix}"] = mean(score.cpu_seconds for score in everything)
        return values


def mean(numbers) -> float:
    return float(np.mean(list(numbers)))


def compare(comparisons: Sequence[Comparison], kept: Scores, deadline: float) -> None:
    """Denoise what is not yet done, until it is or the deadline (monotonic seconds) has come."""
    work = [(c, *case) for c in comparisons for case in c.cases()]
    todo = [(c, image, sigma, m) for c, image, sigma, m in work if c.case(m, image, sigma) not in kept]
    with show_progress("images") as start:
        advance = start(len(work) - len(todo), len(work))
        for comparison, image, sigma, method in todo:
            if time.monotonic() > deadline:
                return
            clean = read(image, channels=comparison.channels)
            kept.add(comparison.case(method, image, sigma), denoise(method.denoiser, clean, sigma, SEED))
            advance(1)


def comparison_of(folder: Path, sigmas: tuple[float, ...], methods: tuple[Method, ...], threads: int) -> Comparison:
    """Look at a folder: whether it is gray, and whether all methods can take it.

    Raises:
        DataError: no folder, no images, or images of other channels than a model has.
    """
    images = images_of(folder)
    with Image.open(images[0]) as first:
        channels = 1 if first.mode in ("1", "L", "I;16") else 3
    for method in methods:
        if method.channels not in (None, channels):
            raise DataError(f"{method.name} has {method.channels} channels, {folder} {channels}: give the other folder")
    return Comparison(folder, images, channels, sigmas, methods, threads)


def table(comparison: Comparison, kept: Scores) -> Iterator[str]:
    """Lines of text: mean PSNR, with the number of images where it is not all, and seconds an image."""
    name = comparison.folder.name
    yield f"{name}: PSNR in dB, seconds an image (CPU seconds)"
    yield f"{'sigma':32}" + "".join(f"{sigma:>12g}" for sigma in comparison.sigmas)
    for method in comparison.methods:
        found = [comparison.scores(method, sigma, kept) for sigma in comparison.sigmas]
        cells = "".join(f"{cell(scores, len(comparison.images)):>12}" for scores in found)
        everything = [score for scores in found for score in scores]
        yield f"{method.name:32}{cells}  {seconds(everything)}"
    for known in PUBLISHED:
        if known.data == name and known.psnr:
            cells = "".join(f"{known.psnr.get(sigma, float('nan')):12.2f}" for sigma in comparison.sigmas)
            yield f"{known.method + ', published':32}{cells}"


def cell(scores: Sequence[Score], total: int) -> str:
    if not scores:
        return "-"
    value = f"{mean(score.psnr for score in scores):.2f}"
    return value if len(scores) == total else f"{value} ({len(scores)})"


def seconds(scores: Sequence[Score]) -> str:
    if not scores:
        return ""
    return f"{mean(score.seconds for score in scores):8.2f} ({mean(score.cpu_seconds for score in scores):.2f})"


def record(comparison: Comparison, kept: Scores, file: Path) -> None:
    """Append a line for each method whose images are all done."""
    for method in comparison.methods:
        if values := comparison.values(method, kept):
            append_result(file, dataclasses.replace(method.origin, values=values, data=comparison.folder.name))


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="Repeatable.")
@click.option("--run", "runs", multiple=True, type=click.Path(path_type=Path), help="Run directory; repeatable.")
@click.option("--model", "models", multiple=True, type=click.Path(path_type=Path), help="Exported model; repeatable.")
@click.option("--method", "classics", multiple=True, type=click.Choice(CLASSICS), help="Of others; repeatable.")
@click.option("--sigma", "sigmas", multiple=True, type=float, default=SIGMAS, help="On the 0-255 scale; repeatable.")
@click.option("--ensemble", is_flag=True, help="Own models with the mean of 8 flips and rotations as well.")
@click.option("--threads", default=1, type=click.IntRange(1), help="Of own models.")
@click.option("--minutes", type=float, default=float("inf"), help="Stop after so many.")
@click.option("--scores", type=click.Path(path_type=Path), default="denoising-scores.jsonl", help="Kept as they come.")
@click.option("--record", "results", type=click.Path(path_type=Path), help="Append the means to this .jsonl file.")
def main(folders, runs, models, classics, sigmas, ensemble, threads, minutes, scores, results) -> None:
    deadline = time.monotonic() + 60 * minutes
    kept = Scores(scores)
    try:
        methods = tuple(methods_of(runs, models, classics, ensemble, threads))
        comparisons = [comparison_of(folder, sigmas, methods, threads) for folder in folders]
        compare(comparisons, kept, deadline)
    except (SymaeError, ServeError) as error:
        click.echo(f"denoising: {error}", err=True)
        sys.exit(error.exit_code)
    for comparison in comparisons:
        click.echo("\n".join(table(comparison, kept)))
        if results is not None:
            record(comparison, kept, results)


def methods_of(runs, models, classics, ensemble: bool, threads: int) -> Iterator[Method]:
    torch.set_num_threads(threads)
    own = [*map(of_run, runs), *(of_model(model, threads, f"{cpu_name()}, {threads} threads") for model in models)]
    yield from own
    if ensemble:
        yield from map(with_ensemble, own)
    yield from (classic(name, f"{cpu_name()}, 1 thread") for name in classics)


if __name__ == "__main__":
    main()
